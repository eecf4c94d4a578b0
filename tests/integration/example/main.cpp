#include <hopring/client/map.hpp>
#include <iostream>

int main(int, char** argv) {
  auto map = hopring::Map::open({.contacts = {argv[1]}}).value();
  map.put("answer", 41).value();
  map.add("answer").value();
  std::cout << "answer " << *map.get<int>("answer").value() << "\n";
  for (const auto& entry : map.scan({.prefix = "ans"})) std::cout << entry.value().key << "\n";
}
