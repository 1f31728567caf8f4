#include "tests/sim/rooms/host.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/bytes.h"
#include "base/json_scanner.h"
#include "rooms/limits.h"
#include "tests/sim/rooms/memory.h"

namespace edgeroom::roomsim {

namespace {

constexpr uint32_t kInternalError = 1011;
constexpr size_t kTrapTimesMax = 16;
constexpr std::string_view kRoom = "lobby";

}  // namespace

// What the platform calls: an object that cannot go on is reset.
template <typename Work>
void Host::guarded(Work work) {
  try {
    work();
    after_event();
  } catch (const Reset&) {
    reset();
  }
}

// What follows an event at once.
void Host::after_event() {
  while (measure_wanted_ || !rest_wanted_.empty()) {
    if (const auto least = std::exchange(measure_wanted_, std::nullopt)) measure(*least);
    for (const auto& [number, next] : std::exchange(rest_wanted_, {})) {
      handle(EventType::kRequest, number, 0, next);
    }
  }
}

void Host::measure(double least) {
  const bool tells = outside_.tells_backlog();
  std::vector<uint32_t> slow;
  std::string payload;
  ByteWriter writer(payload);
  for (const auto& [handle, socket] : sockets_) {
    const Backlog backlog = outside_.backlog_of(socket);
    if (tells && backlog.bytes < least) continue;
    slow.push_back(handle);
    writer.u32(handle);
    writer.u32(tells ? backlog.bytes : 0);
    writer.u32(tells ? UINT32_MAX : backlog.silent_ms);
  }
  const uint64_t generation = generation_;
  const bool is_handled = handle(EventType::kMeasured, 0, tells ? 1 : 0, payload);
  if (!tells || !is_handled || generation != generation_ || is_timer_late_) return;
  for (const uint32_t handle : slow) {
    if (sockets_.count(handle) == 0) continue;
    expect(timer_at_ && *timer_at_ <= outside_.steady_ms() + kBacklogCheckMs,
           "a reader is slow, and nobody looks how it goes on");
  }
}

std::optional<uint32_t> Host::join(uint32_t socket, std::string_view operation) {
  std::optional<uint32_t> refused = kInternalError;
  guarded([&] {
    const uint32_t handle = next_handle_++;
    joining_ = socket;
    const bool is_taken = this->handle(EventType::kConnect, handle, 0, operation);
    joining_.reset();
    const bool is_accepted = sockets_.count(handle) == 1;
    if (!is_taken && is_accepted) {
      // A socket whose join failed after it was accepted has no client.
      remove_socket(handle);
      open_.erase(socket);
      this->handle(EventType::kClosed, handle, kInternalError);
    } else if (is_accepted) {
      refused.reset();
    } else if (const auto found = refused_.find(handle); found != refused_.end()) {
      refused = found->second;
    }
    refused_.clear();
  });
  joining_.reset();
  return refused;
}

void Host::frame(uint32_t socket, FrameKind kind, std::string text) {
  guarded([&] {
    open();
    const auto handle = handles_.find(socket);
    if (handle == handles_.end()) return;
    const Kept kept = std::make_shared<KeptFrame>(KeptFrame{handle->second, kind, std::move(text)});
    if (!frame_taken(kept)) recover({kept}, {});
  });
}

void Host::socket_closed(uint32_t socket, uint32_t code) {
  if (!is_open(socket)) return;
  guarded([&] {
    open();
    open_.erase(socket);
    const auto found = handles_.find(socket);
    if (found == handles_.end()) return;
    const uint32_t handle = found->second;
    remove_socket(handle);
    this->handle(EventType::kClosed, handle, code);
  });
  open_.erase(socket);
}

uint32_t Host::request(std::string_view operation) {
  const uint32_t number = next_handle_++;
  guarded([&] { handle(EventType::kRequest, number, 0, operation); });
  return number;
}

void Host::central_answered(const CentralRequest& request, uint32_t status,
                            std::string_view payload) {
  if (request.generation != generation_) return;
  const EventType type = request.is_read ? EventType::kFetched : EventType::kAttemptResult;
  guarded([&] { handle(type, request.number, status, payload); });
}

void Host::verified(uint32_t socket, uint64_t object, std::string_view verdict) {
  const auto found = handles_.find(socket);
  if (object != object_ || found == handles_.end()) return;
  guarded([&] { handle(EventType::kVerified, found->second, 0, verdict); });
}

void Host::fire_flush() {
  flush_at_.reset();
  guarded([&] {
    handle(EventType::kFlush);
    turn_.clear();
  });
}

void Host::look_again() {
  if (looks_ == 0) {
    fire_flush();
  } else {
    looks_--;
    flush_at_ = outside_.steady_ms();
  }
}

void Host::fire_timer() {
  timer_at_.reset();
  is_timer_late_ = false;
  guarded([&] { handle(EventType::kTimer); });
}

void Host::fire_alarm() {
  storage_.set_alarm({});
  guarded([&] { handle(EventType::kAlarm); });
}

void Host::move_alarm(std::optional<double> at_ms) { storage_.set_alarm(at_ms); }

void Host::commit() {
  if (!storage_.is_dirty()) return;
  if (outside_.commit_fails()) {
    reset();
    return;
  }
  outside_.committing(storage_);
  storage_.commit();
  for (Output& output : std::exchange(outputs_, {})) release(output);
}

void Host::lose() { reset(); }

void Host::set_back(const Storage::Image& image) {
  reset();
  storage_.set_back(image);
}

void Host::evict() {
  presence_.slept();
  forget_object();
  outside_.answers_lost();
}

void Host::drop_instance() {
  presence_.instance_lost();
  const RoomAtWork at_work;
  instance_.reset();
}

void Host::forget_object() {
  drop_instance();
  generation_++;
  object_++;
  turn_.clear();
  current_.reset();
  next_handle_ = 1;
  sockets_.clear();
  handles_.clear();
  trap_times_.clear();
  failures_ = 0;
  rebuild_wanted_ = false;
  parts_.clear();
  rest_wanted_.clear();
  measure_wanted_.reset();
  flush_at_.reset();
  timer_at_.reset();
}

void Host::reset() {
  storage_.lose();
  forget_object();
  // Those that the room has closed, which had not heard of it.
  for (const Output& output : std::exchange(outputs_, {})) {
    if (output.kind == Output::Kind::kClose) outside_.closed(output.number, 0);
  }
  for (const auto& [socket, unused] : std::exchange(open_, {})) outside_.closed(socket, 0);
  outside_.answers_lost();
}

bool Host::handle(EventType type, uint32_t target, uint32_t number, std::string_view payload) {
  rebuild_wanted_ = false;
  try {
    open();
    event(type, target, number, payload);
    if (!rebuild_wanted_) return true;
    drop_instance();
    open();
    event(type, target, number, payload);
    return true;
  } catch (const Trap&) {
    // Nobody knows which frame of the turn the flush trapped on.
    recover(type == EventType::kFlush ? turn_ : std::vector<Kept>{}, type);
    return false;
  }
}

bool Host::frame_taken(const Kept& kept) {
  current_ = kept;
  bool is_taken = true;
  try {
    open();
    event(EventType::kFrame, kept->handle, static_cast<uint32_t>(kept->kind), kept->text);
  } catch (const Trap&) {
    is_taken = false;
  }
  current_.reset();
  return is_taken;
}

void Host::open(std::optional<EventType> trapped) {
  if (instance_ != nullptr) return;
  std::optional<Failure> failure;
  for (const bool with_rows : {true, true, false}) {
    try {
      restore(with_rows, failure, trapped);
      if (!failure) failures_ = 0;
      return;
    } catch (const Trap&) {
      is_restoring_ = false;
      const volatile double* seq = instance_->working_seq();
      const uint64_t seq_at_work = seq == nullptr ? 0 : static_cast<uint64_t>(*seq);
      drop_instance();
      if (!with_rows || at_type_ == EventType::kStart) throw Reset{};
      if (!failure) {
        failures_++;
        failure = Failure{at_type_, at_target_, seq_at_work};
        outside_.held();
      }
    }
  }
}

void Host::restore(bool with_rows, const std::optional<Failure>& failure,
                   std::optional<EventType> trapped) {
  generation_++;
  is_restoring_ = true;
  {
    const RoomAtWork at_work;
    instance_ = std::make_unique<RoomInstance>();
  }
  const uint64_t seed = outside_.random_bits();
  event(EventType::kStart, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32U),
        std::string(kRoom) + "\n" + settings_);
  if (failure) {
    event(EventType::kHeld, static_cast<uint32_t>(failure->during), failure->target,
          "0\n" + std::to_string(failure->seq) + "\n" + std::to_string(failures_));
  } else if (trapped) {
    event(EventType::kTrapped, 0, static_cast<uint32_t>(*trapped));
  }
  if (with_rows) {
    // Copies: what the room writes on waking changes the tables.
    const auto state = storage_.state();
    for (const auto& [id, bytes] : state) event(EventType::kRestoreState, id, 0, bytes);
    for (const auto& [slot, row] : storage_.segments()) {
      event(EventType::kRestoreSegment, slot, 0, row.head);
    }
  }
  std::vector<uint32_t> sockets;
  sockets.reserve(open_.size());
  for (const auto& [socket, unused] : open_) sockets.push_back(socket);
  for (const uint32_t socket : sockets) restore_socket(socket);
  event(EventType::kRestored);
  is_restoring_ = false;
  const bool was_asked_for = trapped == EventType::kConnect || trapped == EventType::kRequest;
  if (trapped && !was_asked_for && !failure) outside_.paused(generation_);
}

void Host::restore_socket(uint32_t socket) {
  auto found = handles_.find(socket);
  if (found == handles_.end()) {
    found = handles_.emplace(socket, next_handle_++).first;
    sockets_[found->second] = socket;
  }
  presence_.restored(found->second, open_[socket]);
  event(EventType::kRestoreConnection, found->second, 0, open_[socket]);
}

// A new instance in place of the one that trapped. The frames of the turn that are not stored are
// given to it again, all but those that are to blame.
void Host::recover(const std::vector<Kept>& dropped, std::optional<EventType> during) {
  const auto is_dropped = [&dropped](const Kept& kept) {
    return std::find(dropped.begin(), dropped.end(), kept) != dropped.end();
  };
  std::vector<Kept> again;
  for (const Kept& kept : turn_) {
    if (!is_dropped(kept)) again.push_back(kept);
  }
  std::vector<Kept> blamed = dropped;
  for (;;) {
    rebuild(blamed, blamed.empty() ? during : std::nullopt);
    size_t at = 0;
    while (at < again.size() && frame_taken(again[at])) at++;
    if (at == again.size()) return;
    const Kept trapped = again[at];
    blamed = {trapped};
    // Of those before it, the ones that wait for the flush.
    std::vector<Kept> rest;
    for (const Kept& kept : turn_) {
      if (kept != trapped) rest.push_back(kept);
    }
    rest.insert(rest.end(), again.begin() + static_cast<std::ptrdiff_t>(at) + 1, again.end());
    again = std::move(rest);
  }
}

void Host::rebuild(const std::vector<Kept>& blamed, std::optional<EventType> during) {
  drop_instance();
  turn_.clear();
  outside_.answers_lost();
  parts_.clear();
  rest_wanted_.clear();
  measure_wanted_.reset();
  timer_at_.reset();
  std::vector<uint32_t> handles;
  handles.reserve(blamed.size());
  for (const Kept& kept : blamed) handles.push_back(kept->handle);
  std::sort(handles.begin(), handles.end());
  handles.erase(std::unique(handles.begin(), handles.end()), handles.end());
  try {
    open(during);
    for (const uint32_t handle : handles) {
      std::string times;
      uint64_t times_in_window = 0;
      if (handles.size() == 1) {
        std::vector<uint64_t> all = trap_times_[handle];
        all.push_back(static_cast<uint64_t>(outside_.wall_ms()));
        if (all.size() > kTrapTimesMax) all.erase(all.begin());
        for (const uint64_t time : all) {
          if (!times.empty()) times += '\n';
          times += std::to_string(time);
          const double age_ms = outside_.wall_ms() - static_cast<double>(time);
          if (age_ms <= kTrapWindowMs) times_in_window++;
        }
        if (sockets_.count(handle) == 1) trap_times_[handle] = all;
      }
      event(EventType::kTrapped, handle, 0, times);
      if (times_in_window >= kTrapsMax) {
        expect(sockets_.count(handle) == 0, "a connection's frames trap again and again");
      }
    }
  } catch (const Trap&) {
    throw Reset{};
  }
}

void Host::event(EventType type, uint32_t target, uint32_t number, std::string_view payload) {
  auto slots = give(type, target, number, payload);
  while (slots) slots = give_loaded(*slots);
}

// The slots that are to be loaded next, if any.
std::optional<std::vector<uint32_t>> Host::give(EventType type, uint32_t target, uint32_t number,
                                                std::string_view payload) {
  events_++;
  at_type_ = type;
  at_target_ = target;
  if (type != EventType::kStart && outside_.traps(type, is_restoring_)) throw Trap{type};
  int32_t count = 0;
  {
    const RoomAtWork at_work;
    count =
        instance_->event(static_cast<uint32_t>(type), target, number, outside_.wall_ms(), payload);
  }
  if (count < 0) {
    throw Violation("the room refused event " + std::to_string(static_cast<uint32_t>(type)) +
                    " with status " + std::to_string(count) + ": " +
                    std::string(payload.substr(0, 200)));
  }
  outside_.event_given();
  const EffectList& effects = instance_->effects();
  for (const Effect& effect : effects.records()) {
    if (static_cast<EffectType>(effect.type) == EffectType::kLoad) {
      if (&effect != &effects.records().back()) throw Violation("kLoad is not the last effect");
      return slots_of(effects, effect);
    }
    apply(effects, effect);
  }
  presence_.event_ended();
  return std::nullopt;
}

std::vector<uint32_t> Host::slots_of(const EffectList& effects, const Effect& effect) {
  ByteReader reader(effects.data(effect));
  std::vector<uint32_t> slots(effect.target);
  for (uint32_t& slot : slots) slot = reader.u32();
  return slots;
}

std::optional<std::vector<uint32_t>> Host::give_loaded(const std::vector<uint32_t>& slots) {
  for (const uint32_t slot : slots) {
    const auto row = storage_.segments().find(slot);
    if (row == storage_.segments().end()) {
      throw Violation("slot " + std::to_string(slot) + " is to be loaded, and is not stored");
    }
    if (give(EventType::kLoaded, slot, 0, row->second.data)) throw Violation("a load in a load");
  }
  return give(EventType::kLoadEnd, 0, 0, {});
}

void Host::apply(const EffectList& effects, const Effect& effect) {
  if (tell(effects, effect) || store(effects, effect) || plan(effect)) return;
  throw Violation("an effect that is not to be expected: " + std::to_string(effect.type));
}

// Nobody is asked to wait for longer than a room is held.
void Host::check_wait(std::string_view headers) {
  constexpr std::string_view kName = "\nretry-after: ";
  const size_t at = headers.find(kName);
  if (at == std::string_view::npos) return;
  const auto seconds = json_integer(headers.substr(at + kName.size()));
  expect(seconds && *seconds > 0 && static_cast<double>(*seconds) * 1000 <= kHeldRetryMs,
         "an answer with another Retry-After than may be: " + std::string(headers));
}

// What goes to sockets and to whoever has asked. False for other effects.
bool Host::tell(const EffectList& effects, const Effect& effect) {
  const std::string_view data = effects.data(effect);
  Output output;
  switch (static_cast<EffectType>(effect.type)) {
    case EffectType::kSend:
      if (const auto found = sockets_.find(effect.target); found != sockets_.end()) {
        output.number = found->second;
        output.frame = std::make_shared<Told>(std::string(data), generation_, outside_.stored(),
                                              outside_.passed_ms());
        presence_.telling(*output.frame, outside_.passed_ms(), generation_);
        emit(std::move(output));
      }
      return true;
    case EffectType::kBroadcast:
      output.frame = std::make_shared<Told>(std::string(data), generation_, outside_.stored(),
                                            outside_.passed_ms());
      presence_.telling(*output.frame, outside_.passed_ms(), generation_);
      for (const auto& [unused, socket] : sockets_) {
        output.number = socket;
        emit(output);
      }
      return true;
    case EffectType::kClose:
      close_socket(effect.target, static_cast<uint32_t>(effect.value));
      return true;
    case EffectType::kRespond:
      output.kind = Output::Kind::kAnswer;
      output.number = effect.target;
      output.status = static_cast<uint32_t>(effect.value);
      check_wait(effects.extra(effect));
      output.body = std::exchange(parts_[effect.target], {}) + std::string(data);
      parts_.erase(effect.target);
      if (joining_) refused_[effect.target] = output.status;
      emit(std::move(output));
      return true;
    case EffectType::kRespondPart:
      parts_[effect.target] += data;
      rest_wanted_.emplace_back(effect.target, effects.extra(effect));
      return true;
    case EffectType::kForward: ask(false, effects, effect); return true;
    case EffectType::kFetch: ask(true, effects, effect); return true;
    case EffectType::kVerifyToken:
      if (const auto found = sockets_.find(effect.target); found != sockets_.end()) {
        outside_.verify(found->second, object_);
      }
      return true;
    default: return false;
  }
}

// What is written. False for other effects.
bool Host::store(const EffectList& effects, const Effect& effect) {
  const std::string_view data = effects.data(effect);
  switch (static_cast<EffectType>(effect.type)) {
    case EffectType::kAccept:
      if (!joining_) throw Violation("a socket was accepted that nobody has brought");
      open_[*joining_] = data;
      sockets_[effect.target] = *joining_;
      handles_[*joining_] = effect.target;
      presence_.entered(effect.target, data);
      joining_.reset();
      return true;
    case EffectType::kAttach:
      if (const auto found = sockets_.find(effect.target); found != sockets_.end()) {
        open_[found->second] = data;
      }
      return true;
    case EffectType::kPutSegment:
      storage_.put_segment(effect.target, {std::string(data), std::string(effects.extra(effect))});
      if (effect.value == 1) turn_.clear();
      return true;
    case EffectType::kDropSegment: storage_.drop_segment(effect.target); return true;
    case EffectType::kPutState: storage_.put_state(effect.target, std::string(data)); return true;
    case EffectType::kAlarm: storage_.set_alarm(effect.value); return true;
    default: return false;
  }
}

// What is to follow. False for other effects.
bool Host::plan(const Effect& effect) {
  switch (static_cast<EffectType>(effect.type)) {
    case EffectType::kScheduleFlush:
      if (flush_at_) return true;
      flush_at_ = outside_.steady_ms() + effect.value;
      looks_ = effect.target;
      return true;
    case EffectType::kTimer:
      timer_at_.reset();
      is_timer_late_ = false;
      if (effect.value >= 0) timer_at_ = outside_.steady_ms() + effect.value;
      return true;
    case EffectType::kKeepFrame:
      if (current_) turn_.push_back(current_);
      return true;
    case EffectType::kRebuild: rebuild_wanted_ = true; return true;
    case EffectType::kMeasure: measure_wanted_ = effect.value; return true;
    case EffectType::kLog:
    case EffectType::kForwardingState: return true;
    default: return false;
  }
}

void Host::ask(bool is_read, const EffectList& effects, const Effect& effect) {
  Output output;
  output.kind = Output::Kind::kAsk;
  const std::string_view extra = effects.extra(effect);
  const size_t key_end = extra.find('\n');
  const double offset_ms =
      key_end == std::string_view::npos
          ? 0
          : std::strtod(std::string(extra.substr(key_end + 1)).c_str(), nullptr);
  output.ask = {is_read,
                effect.target,
                generation_,
                effect.value,
                std::string(effects.data(effect)),
                events_,
                outside_.passed_ms(),
                outside_.wall_ms() + offset_ms};
  emit(std::move(output));
}

void Host::close_socket(uint32_t handle, uint32_t code) {
  const auto found = sockets_.find(handle);
  if (found == sockets_.end()) return;
  Output output;
  output.kind = Output::Kind::kClose;
  output.number = found->second;
  output.status = code;
  remove_socket(handle);
  open_.erase(output.number);
  emit(std::move(output));
}

void Host::remove_socket(uint32_t handle) {
  const auto found = sockets_.find(handle);
  if (found == sockets_.end()) return;
  presence_.left(handle);
  handles_.erase(found->second);
  sockets_.erase(found);
  trap_times_.erase(handle);
}

void Host::emit(Output output) {
  if (storage_.is_dirty()) {
    outputs_.push_back(std::move(output));
  } else {
    release(output);
  }
}

void Host::release(Output& output) {
  switch (output.kind) {
    case Output::Kind::kFrame: outside_.told(output.number, *output.frame); return;
    case Output::Kind::kClose: outside_.closed(output.number, output.status); return;
    case Output::Kind::kAnswer:
      outside_.answered(output.number, output.status, output.body);
      return;
    case Output::Kind::kAsk: outside_.ask_central(std::move(output.ask)); return;
  }
}

}  // namespace edgeroom::roomsim
