#include <algorithm>
#include <array>
#include <chrono>
#include <ostream>

#include "tests/bench/child.hpp"
#include "tests/bench/contender.hpp"
#include "tests/bench/goals.hpp"
#include "tests/bench/progress.hpp"
#include "tests/bench/table_figures.hpp"

namespace hopring::bench {
namespace {

// What one growth of ours shows.
struct OwnGrowth {
  Footprint footprint;
  double load_mean = 0;       // at the looks while it doubles
  double load_at_growth = 0;  // of the segments that grow or are cut while it doubles
  double moved_max = 0;       // records, by one insertion of all
};

// Records for each slot.
double load(const HopscotchTable& table) {
  return static_cast<double>(table.size()) / static_cast<double>(table.slots());
}

double load_at_growth(const TableWork& from, const TableWork& until) {
  return static_cast<double>(until.growth_records - from.growth_records) /
         static_cast<double>(until.growth_slots - from.growth_slots);
}

OwnGrowth measure_own_growth(const Workload& workload, std::ostream& curve) {
  warm_up<HopringMap>(workload);
  FootprintMeter meter(workload);
  HopringMap map(workload);
  TableWork before_range;
  double load_sum = 0;
  double looks = 0;
  const auto on_look = [&] {
    curve << meter.entries() << ',' << meter.overhead() << ',' << load(map.table()) << '\n';
    if (!meter.is_in_range()) {
      before_range = map.table().work();
      return;
    }
    load_sum += load(map.table());
    looks += 1;
  };
  OwnGrowth growth;
  growth.footprint = grow(workload, meter, map, on_look);
  curve.flush();  // the process ends without
  growth.load_mean = load_sum / looks;
  growth.load_at_growth = load_at_growth(before_range, map.table().work());
  growth.moved_max = static_cast<double>(map.table().work().records_moved_max);
  return growth;
}

const Trial& least(const std::vector<Trial>& trials, double Footprint::*what) {
  return *std::min_element(trials.begin(), trials.end(), [&](const Trial& a, const Trial& b) {
    return a.footprint.*what < b.footprint.*what;
  });
}

// Memory does not vary from run to run as time does: one is enough.
Figure overhead_figure(std::string_view name, double ours, double best,
                       std::string_view best_name) {
  return single_figure(name, "bytes/entry", {ours, best}, best_name);
}

// Milliseconds since 1970.
std::int64_t a_day_from_now_ms() {
  using namespace std::chrono;
  const auto then = system_clock::now() + hours(24);
  return duration_cast<milliseconds>(then.time_since_epoch()).count();
}

Figure expiry_figure(const Workload& workload, const Contender& contender) {
  Workload with_expiry = workload;
  with_expiry.expiry_ms = a_day_from_now_ms();
  say_progress("memory with expiry", "hopring");
  const Footprint ours = in_child([&] { return measure_footprint<HopringMap>(with_expiry); });
  say_progress("memory with expiry", contender.name);
  const Footprint theirs = in_child([&] { return contender.measure_footprint(with_expiry); });
  return overhead_figure("overhead_bytes_expiry", ours.overhead_mean, theirs.overhead_mean,
                         contender.name);
}

// The map of a process with four shards: each has a pool of its own and a quarter of the ring.
class FourShards {
 public:
  explicit FourShards(const Workload& workload)
      : shards_{HopringMap(workload, quarter(0)), HopringMap(workload, quarter(1)),
                HopringMap(workload, quarter(2)), HopringMap(workload, quarter(3))} {}

  void put(std::string_view key, std::string_view value, std::int64_t expiry_ms) {
    shards_[shards_[0].position(key) >> quarter_bits].put(key, value, expiry_ms);
  }

 private:
  static constexpr unsigned quarter_bits = 62;
  static Range quarter(std::uint64_t number) {
    return {(number << quarter_bits) - 1, ((number + 1) << quarter_bits) - 1};
  }

  std::array<HopringMap, 4> shards_;
};

Figure shards_figure(const Workload& workload) {
  say_progress("memory", "hopring with four shards");
  const Footprint ours = in_child([&] { return measure_footprint<FourShards>(workload); });
  return single_figure("overhead_bytes_4_shards", "bytes/entry",
                       {ours.overhead_mean, overhead_4_shards_goal}, goal_name);
}

}  // namespace

std::vector<Figure> footprint_figures(const Workload& workload, const std::vector<Trial>& trials,
                                      std::ostream& curve) {
  say_progress("memory", "hopring");
  const OwnGrowth ours = in_child([&] { return measure_own_growth(workload, curve); });
  const Trial& mean = least(trials, &Footprint::overhead_mean);
  const Trial& worst = least(trials, &Footprint::overhead_worst);
  return {overhead_figure("overhead_bytes", ours.footprint.overhead_mean,
                          mean.footprint.overhead_mean, mean.contender.name),
          overhead_figure("overhead_bytes_worst", ours.footprint.overhead_worst,
                          worst.footprint.overhead_worst, worst.contender.name),
          expiry_figure(workload, mean.contender),
          shards_figure(workload),
          single_figure("load_mean", "full/slots", {ours.load_mean, load_mean_goal}, goal_name),
          single_figure("load_at_growth", "full/slots", {ours.load_at_growth, load_at_growth_goal},
                        goal_name),
          single_figure("insert_moved_max", "records", {ours.moved_max, insert_moved_max_goal},
                        goal_name)};
}

}  // namespace hopring::bench
