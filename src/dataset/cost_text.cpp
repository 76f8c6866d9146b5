// An account of costs for people, and as JSON.

#include <iomanip>
#include <sstream>

#include "ditmesh/base/text.hpp"
#include "ditmesh/dataset/cost.hpp"

namespace ditmesh {

namespace {

constexpr size_t kMaxGroups = 30;

double hours(double seconds) { return seconds / 3600; }

std::string money(double seconds, std::optional<double> price) {
  return price ? cat("  ", std::setw(12), fixed(hours(seconds) * *price, 2)) : std::string();
}

}  // namespace

std::string to_text(const Cost& cost, std::optional<double> price) {
  std::ostringstream text;
  text << fixed(hours(cost.allocated_s), 4) << " device-hours in " << counted(cost.num_attempts, "attempt")
       << "\n";
  for (size_t i = 0; i < kNumExpenses; ++i) {
    const double seconds = cost.seconds.at(i);
    text << "  " << std::left << std::setw(20) << name_of(static_cast<Expense>(i)) << std::right
         << std::setw(12) << fixed(hours(seconds), 4) << std::setw(8)
         << fixed(cost.allocated_s > 0 ? 100 * seconds / cost.allocated_s : 0, 1) << " %"
         << money(seconds, price) << "\n";
  }
  text << "  " << std::left << std::setw(20) << "all" << std::right << std::setw(12)
       << fixed(hours(cost.allocated_s), 4) << std::setw(8) << "100.0"
       << " %" << money(cost.allocated_s, price) << "\n";
  if (cost.num_done > 0) {
    const double each_s = cost.allocated_s / static_cast<double>(cost.num_done);
    text << counted(cost.num_done, "picture") << ": " << fixed(each_s, 3) << " device-seconds each";
    if (price)
      text << ", " << fixed(hours(each_s) * *price, 6) << " each at " << fixed(*price, 2) << " a device-hour";
    text << "\n";
  } else {
    text << "no index yet: what failed or was made again is not told apart\n";
  }
  for (const int64_t attempt : cost.unknown_attempts)
    text << "attempt " << attempt << " left neither figures nor a trace: it is not in these sums\n";
  if (cost.groups.empty()) return text.str();
  text << "\n  pictures  device-s each  device-hours" << (price ? "         price" : "") << "  value\n";
  for (size_t i = 0; i < std::min(cost.groups.size(), kMaxGroups); ++i) {
    const GroupCost& group = cost.groups[i];
    text << std::setw(10) << group.num_done << std::setw(15)
         << fixed(group.num_done > 0 ? group.allocated_s / static_cast<double>(group.num_done) : 0, 3)
         << std::setw(14) << fixed(hours(group.allocated_s), 4) << money(group.allocated_s, price) << "  "
         << group.value << "\n";
  }
  if (cost.groups.size() > kMaxGroups)
    text << "  … " << cost.groups.size() - kMaxGroups << " more values (--json lists all)\n";
  return text.str();
}

OrderedJson to_json(const Cost& cost, std::optional<double> price) {
  const auto price_of = [&](double seconds) {
    return price ? OrderedJson(hours(seconds) * *price) : OrderedJson();
  };
  OrderedJson json{{"allocated_device_seconds", cost.allocated_s},
                   {"price", price_of(cost.allocated_s)},
                   {"attempts", cost.num_attempts},
                   {"unknown_attempts", cost.unknown_attempts},
                   {"done", cost.num_done},
                   {"failed", cost.num_failed}};
  OrderedJson expenses;
  for (size_t i = 0; i < kNumExpenses; ++i)
    expenses[std::string(name_of(static_cast<Expense>(i)))] = cost.seconds.at(i);
  json["device_seconds"] = expenses;
  json["device_seconds_per_image"] =
      cost.num_done > 0 ? OrderedJson(cost.allocated_s / static_cast<double>(cost.num_done)) : OrderedJson();
  json["groups"] = OrderedJson::array();
  for (const GroupCost& group : cost.groups) {
    json["groups"].push_back({{"value", group.value},
                              {"done", group.num_done},
                              {"device_seconds", group.device_seconds},
                              {"allocated_device_seconds", group.allocated_s},
                              {"price", price_of(group.allocated_s)}});
  }
  return json;
}

}  // namespace ditmesh
