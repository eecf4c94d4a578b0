#include "storage/group/sent_together.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace hopring {
namespace {

// The last message to a peer, to which more may be added.
struct Open {
  PeerRef to;
  std::size_t at = 0;     // in the outbox
  std::size_t bytes = 0;  // of commands
};

std::size_t bytes_of(const AppendEntries& append) {
  std::size_t bytes = 0;
  for (const SharedEntry& each : append.entries) bytes += bytes_of(each->command);
  return bytes;
}
std::size_t bytes_of(const AppendEntriesAnswer&) { return 0; }

void add(AppendsTogether& together, AppendEntries&& append) {
  together.appends.push_back(std::move(append));
}
void add(AppendsTogether& together, const AppendEntriesAnswer& answer) {
  together.answers.push_back(answer);
}

bool is_full(const GroupMessage& message) {
  const auto* const together = std::get_if<AppendsTogether>(&message);
  return together != nullptr && (together->appends.size() == appends_together_max ||
                                 together->answers.size() == appends_together_max);
}

// The message at the place becomes one of several, if it is none yet.
AppendsTogether& several(GroupMessage& message) {
  if (auto* const together = std::get_if<AppendsTogether>(&message)) return *together;
  AppendsTogether together;
  if (auto* const append = std::get_if<AppendEntries>(&message)) {
    add(together, std::move(*append));
  } else {
    add(together, std::get<AppendEntriesAnswer>(message));
  }
  message = std::move(together);
  return std::get<AppendsTogether>(message);
}

class Together {
 public:
  explicit Together(GroupOutbox& out) : out_(out) {}

  // True: the message that would stand at `at` has gone into an earlier one.
  bool take(SendGroup& send, std::size_t at) {
    if (auto* const append = std::get_if<AppendEntries>(&send.message)) {
      return take(send.to, std::move(*append), at);
    }
    if (auto* const answer = std::get_if<AppendEntriesAnswer>(&send.message)) {
      return take(send.to, *answer, at);
    }
    std::erase_if(open_, [&](const Open& each) { return each.to == send.to; });
    return false;
  }

 private:
  template <class Message>
  bool take(const PeerRef& to, Message&& message, std::size_t at) {
    const std::size_t bytes = bytes_of(message);
    const auto found =
        std::find_if(open_.begin(), open_.end(), [&](const Open& each) { return each.to == to; });
    if (found == open_.end()) {
      open_.push_back({to, at, bytes});
      return false;
    }
    GroupMessage& earlier = std::get<SendGroup>(out_[found->at]).message;
    if (found->bytes + bytes > together_bytes_max || is_full(earlier)) {
      *found = {to, at, bytes};
      return false;
    }
    add(several(earlier), std::forward<Message>(message));
    found->bytes += bytes;
    return true;
  }

  GroupOutbox& out_;
  std::vector<Open> open_;
};

}  // namespace

void put_together(GroupOutbox& out) {
  Together together(out);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    auto* const send = std::get_if<SendGroup>(&out[i]);
    if (send != nullptr && together.take(*send, kept)) continue;
    if (kept != i) out[kept] = std::move(out[i]);
    ++kept;
  }
  out.erase(out.begin() + static_cast<std::ptrdiff_t>(kept), out.end());
}

}  // namespace hopring
