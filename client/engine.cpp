#include "client/engine.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <future>
#include <utility>

#include "base/entropy.hpp"
#include "peer/net/system.hpp"

namespace hopring {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Longer ones would overflow a time, and nobody waits for their end.
constexpr Duration timeout_max = std::chrono::hours(24 * 365);

class Promise final : public Completion {
 public:
  std::future<Answer> future() { return promise_.get_future(); }
  void complete(Answer&& answer) override { promise_.set_value(std::move(answer)); }

 private:
  std::promise<Answer> promise_;
};

// The answer to a request that was never handed to the core.
Finished refused(const Request& request, OpError error) {
  if (std::holds_alternative<Operation>(request)) return error_result(error);
  if (std::holds_alternative<Scan>(request)) return ScanResult{error, {}};
  if (std::holds_alternative<ReportOf>(request)) return ReportResult{error, {}};
  if (std::holds_alternative<RepairAt>(request)) return RepairResult{error, {}};
  return std::vector<OpResult>(std::get<std::vector<Operation>>(request).size(),
                               error_result(error));
}

}  // namespace

Engine::Engine(const std::vector<Endpoint>& contacts, const MapOptions& options)
    : timeout_(options.timeout),
      work_(io_.get_executor()),
      machine_(options.limits, contacts, Rng(random_word())),
      links_(io_, *this, limits_),
      deadline_timer_(io_),
      sweep_timer_(io_),
      thread_([this] { io_.run(); }) {}

Engine::~Engine() {
  asio::post(io_, [this] { stop(); });
  work_.reset();
  thread_.join();
}

void Engine::start(Request&& request, std::optional<Duration> timeout,
                   std::unique_ptr<Completion> completion) {
  asio::post(io_, [this, request = std::move(request), timeout = bounded(timeout),
                   completion = std::move(completion)]() mutable {
    launch(std::move(request), timeout, std::move(completion));
  });
}

Answer Engine::run(Request&& request, std::optional<Duration> timeout) {
  if (std::this_thread::get_id() == thread_.get_id()) {
    return Answer{refused(request, OpError::invalid_argument), {}};
  }
  auto promise = std::make_unique<Promise>();
  auto answer = promise->future();
  start(std::move(request), timeout, std::move(promise));
  return answer.get();
}

ClientFigures Engine::figures() {
  if (std::this_thread::get_id() == thread_.get_id()) return machine_.figures();
  std::promise<ClientFigures> promise;
  asio::post(io_, [&] { promise.set_value(machine_.figures()); });
  return promise.get_future().get();
}

Duration Engine::bounded(std::optional<Duration> timeout) const {
  return std::clamp(timeout.value_or(timeout_), Duration::zero(), timeout_max);
}

void Engine::launch(Request&& request, Duration timeout, std::unique_ptr<Completion> completion) {
  if (is_stopped_) {
    return completion->complete(Answer{refused(request, OpError::cancelled), hash_key()});
  }
  const Token token{next_token_++};
  waiting_.emplace(token, std::move(completion));
  feed([&](Now now) {
    const Time deadline = now.monotonic + timeout;
    if (auto* one = std::get_if<Operation>(&request)) {
      machine_.start(now, token, std::move(*one), deadline);
    } else if (auto* scan = std::get_if<Scan>(&request)) {
      machine_.start_scan_step(now, token, std::move(*scan), deadline);
    } else if (auto* report = std::get_if<ReportOf>(&request)) {
      machine_.start_report(now, token, report->peer, deadline);
    } else if (auto* repair = std::get_if<RepairAt>(&request)) {
      machine_.start_repair(now, token, repair->peer, repair->repair, deadline);
    } else {
      auto& batch = std::get<std::vector<Operation>>(request);
      machine_.start_batch(now, token, std::move(batch), deadline);
    }
  });
}

template <class Input>
void Engine::feed(Input input) {
  const Now now = read_clocks();
  input(now);
  machine_.swap_outbox(out_);
  for (ClientEffect& effect : out_) {
    std::visit([this](auto& each) { perform(each); }, effect);
  }
  out_.clear();
  arm(now.monotonic);
  sweep_while_busy();
}

void Engine::on_connected(const PeerRef& contacted, const Connected& actual) {
  feed([&](Now now) { machine_.on_connected(now, contacted, actual.to, actual.ring); });
}

void Engine::on_link_down(const PeerRef& peer, LinkDown reason) {
  feed([&](Now now) { machine_.on_link_down(now, peer, reason); });
}

void Engine::on_reply(const PeerRef& from, RequestId id, ClientReplyMessage&& reply) {
  feed([&](Now now) { machine_.on_reply(now, from, id, std::move(reply)); });
}

void Engine::on_progress(const PeerRef& peer) { machine_.on_progress(read_clocks(), peer); }

void Engine::perform(const SendRequest& effect) {
  if (links_.send(effect.to, effect.id, *effect.message)) return;
  asio::post(io_, [this, to = effect.to, id = effect.id] {
    on_reply(to, id, ErrorReply{OpError::overloaded});
  });
}

void Engine::perform(Finish& effect) {
  const auto waiting = waiting_.extract(effect.token);
  waiting.mapped()->complete(Answer{std::move(effect.result), hash_key()});
}

HashKey Engine::hash_key() const { return machine_.ring() ? machine_.ring()->hash_key : HashKey{}; }

// The timer fires at armed_for_ or earlier than the next deadline: it is moved only if it would
// come too late.
void Engine::arm(Time now) {
  const Time next = machine_.next_deadline();
  if (next >= armed_for_) return;
  armed_for_ = next;
  deadline_timer_.expires_after(std::max(next - now, Duration::zero()));
  deadline_timer_.async_wait([this](const error_code& ec) {
    if (!ec) on_deadline();
  });
}

void Engine::on_deadline() {
  armed_for_ = Time::never();
  const Time now = read_clocks().monotonic;
  if (now < machine_.next_deadline()) return arm(now);
  feed([this](Now later) { machine_.on_deadline(later); });
}

// An idle client does not wake up.
void Engine::sweep_while_busy() {
  if (is_sweeping_ || machine_.in_flight() == 0) return;
  is_sweeping_ = true;
  sweep_timer_.expires_after(limits_.sweep_interval);
  sweep_timer_.async_wait([this](const error_code& ec) {
    is_sweeping_ = false;
    if (ec) return;
    links_.sweep(read_clocks().monotonic);
    sweep_while_busy();
  });
}

void Engine::stop() {
  feed([this](Now now) { machine_.on_stop(now); });
  is_stopped_ = true;
  links_.close();
  deadline_timer_.cancel();
  sweep_timer_.cancel();
}

}  // namespace hopring
