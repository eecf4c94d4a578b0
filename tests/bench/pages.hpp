#pragma once

// The pages that the memory of all maps lies on. The table of hopring asks for huge ones by itself;
// a map that takes its memory from malloc has them only if malloc is told to ask. To compare maps
// and not settings, all have them or nobody has.

#include <string_view>

namespace hopring::bench {

enum class Pages {
  huge,   // of 2 MiB, for whoever takes much: malloc asks the system for them too
  small,  // of 4 KiB, whatever anybody asks for
};

std::string_view name_of(Pages pages);

// Sees to it that this process and its children have such pages. malloc is told at the start of a
// process: for huge pages the program is started anew, by `arguments`, those of main(), and this
// call does not return. Throws std::system_error.
void use_pages(Pages pages, char** arguments);

}  // namespace hopring::bench
