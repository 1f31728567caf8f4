#include "tools/replay/host.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "tools/replay/words.h"

namespace edgeroom::replay {

namespace {

// Of the room's random numbers, so that every replay is the same.
constexpr uint32_t kSeed = 1;

constexpr uint32_t kWatcher = 1;
constexpr uint32_t kRequest = 2;

constexpr uint32_t kStatusOk = 200;

// Between two records a timer fires at most this often; then time jumps to the second. A behaviour
// whose deadline stays in the past is called every second, and a log may hold years.
constexpr int kTimersMax = 1000;

constexpr std::array<std::string_view, 23> kEventNames = {"",
                                                          "start",
                                                          "restoreState",
                                                          "restoreSegment",
                                                          "restoreConnection",
                                                          "restored",
                                                          "connect",
                                                          "frame",
                                                          "closed",
                                                          "flush",
                                                          "timer",
                                                          "alarm",
                                                          "request",
                                                          "loaded",
                                                          "loadEnd",
                                                          "attemptResult",
                                                          "trapped",
                                                          "fetched",
                                                          "import",
                                                          "record",
                                                          "verified",
                                                          "held",
                                                          "measured"};
static_assert(static_cast<size_t>(EventType::kMeasured) + 1 == kEventNames.size());

constexpr std::array<std::string_view, 23> kEffectNames = {
    "",         "send",    "broadcast",     "close",       "accept",         "putSegment",
    "putState", "load",    "scheduleFlush", "timer",       "alarm",          "forward",
    "respond",  "log",     "keepFrame",     "respondPart", "fetch",          "verifyToken",
    "attach",   "measure", "rebuild",       "dropSegment", "forwardingState"};
static_assert(static_cast<size_t>(EffectType::kForwardingState) + 1 == kEffectNames.size());

constexpr std::array<std::string_view, 6> kStatusNames = {
    "", "notStarted", "unknownEvent", "badPayload", "outOfOrder", "corrupt"};

template <size_t kSize>
std::string name_of(const std::array<std::string_view, kSize>& names, uint32_t number) {
  return number > 0 && number < kSize ? std::string(names[number]) : std::to_string(number);
}

std::optional<uint64_t> seq_of(std::string_view record) {
  std::optional<uint64_t> seq;
  JsonObjectReader reader(record);
  JsonMember member;
  while (reader.next(member)) {
    if (member.key == "seq") seq = json_integer(member.value);
  }
  return reader.fault() ? std::nullopt : seq;
}

}  // namespace

std::string event_name(EventType type) { return name_of(kEventNames, static_cast<uint32_t>(type)); }

std::string effect_name(uint32_t type) { return name_of(kEffectNames, type); }

std::string status_name(int32_t status) {
  return name_of(kStatusNames, static_cast<uint32_t>(-status));
}

std::optional<std::vector<uint64_t>> batch_seqs(std::string_view body) {
  std::string_view records;
  JsonObjectReader reader(body);
  JsonMember member;
  while (reader.next(member)) {
    if (member.key == "records") records = member.value;
  }
  if (reader.fault()) return std::nullopt;
  std::vector<uint64_t> seqs;
  JsonCursor cursor(records);
  if (!cursor.expect('[', "no array")) return std::nullopt;
  while (cursor.peek() != ']') {
    if (!seqs.empty() && !cursor.expect(',', "no comma")) return std::nullopt;
    const size_t start = cursor.position();
    JsonKind kind = JsonKind::kNull;
    if (!cursor.value(kind)) return std::nullopt;
    const auto seq = seq_of(cursor.since(start));
    if (!seq) return std::nullopt;
    seqs.push_back(*seq);
  }
  return seqs;
}

bool Host::begin(const LogHeader& header, std::string_view header_line, double now_ms) {
  now_ms_ = now_ms;
  seq_ = header.first - 1;
  std::string operation;
  JsonObjectWriter object(operation);
  object.string("op", "connect");
  object.string("room", header.room);
  object.close();
  return event(EventType::kStart, kSeed, 0, header.room + "\n" + variables_) &&
         event(EventType::kRestored) && event(EventType::kImport, 0, 0, header_line) &&
         event(EventType::kConnect, kWatcher, 0, operation) && end_turn();
}

bool Host::record(const Record& record, std::string_view line) {
  now_ms_ = std::max(now_ms_, static_cast<double>(record.ts));
  seq_ = record.seq;
  Step step;
  step.event = EventType::kRecord;
  step.record = &record;
  step.line = line;
  return give(step, 0, 0, line);
}

bool Host::end_turn() {
  for (;;) {
    if (flush_scheduled_) {
      flush_scheduled_ = false;
      if (!event(EventType::kFlush)) return false;
    } else if (!attempts_.empty()) {
      const Attempt attempt = std::move(attempts_.front());
      attempts_.erase(attempts_.begin());
      if (!answer(attempt)) return false;
    } else if (!fetches_.empty()) {
      if (!answer_fetch()) return false;
    } else {
      return true;
    }
  }
}

bool Host::pass_time(double until_ms) {
  for (int i = 0; i < kTimersMax; i++) {
    const bool alarm_is_next = alarm_at_ms_ && (!timer_at_ms_ || *alarm_at_ms_ <= *timer_at_ms_);
    std::optional<double>& next = alarm_is_next ? alarm_at_ms_ : timer_at_ms_;
    if (!next || *next > until_ms) break;
    now_ms_ = std::max(now_ms_, *next);
    next.reset();
    if (!event(alarm_is_next ? EventType::kAlarm : EventType::kTimer)) return false;
    if (!end_turn()) return false;
  }
  now_ms_ = std::max(now_ms_, until_ms);
  return true;
}

Host::Answer Host::ask(std::string_view operation) {
  answer_ = {};
  rest_ = operation;
  is_asking_ = true;
  while (!rest_.empty() && fault_.empty()) {
    const std::string asked = std::exchange(rest_, {});
    event(EventType::kRequest, kRequest, 0, asked);
    while (!fetches_.empty() && answer_fetch()) {
    }
  }
  is_asking_ = false;
  return fault_.empty() ? std::move(answer_) : Answer{};
}

bool Host::event(EventType type, uint32_t target, uint32_t number, std::string_view payload) {
  Step step;
  step.event = type;
  return give(step, target, number, payload);
}

bool Host::give(Step& step, uint32_t target, uint32_t number, std::string_view payload) {
  if (!give_one(step, target, number, payload)) return false;
  while (load_) {
    // What the loaded segments lead to may load others.
    const std::vector<uint32_t> slots = *std::exchange(load_, std::nullopt);
    for (const uint32_t slot : slots) {
      const auto segment = segments_.get(slot);
      if (!segment) return fail("the room reads slot " + std::to_string(slot) + ", which is empty");
      Step loaded;
      loaded.event = EventType::kLoaded;
      if (!give_one(loaded, slot, 0, *segment)) return false;
    }
    Step end;
    end.event = EventType::kLoadEnd;
    if (!give_one(end, 0, 0, {})) return false;
  }
  return true;
}

bool Host::give_one(Step& step, uint32_t target, uint32_t number, std::string_view payload) {
  const int32_t status =
      room_.event(static_cast<uint32_t>(step.event), target, number, now_ms_, payload);
  if (status < 0) {
    return fail("the room refused " + event_name(step.event) + ": " + status_name(status));
  }
  step.at_ms = now_ms_;
  step.seq = seq_;
  const EffectList& effects = room_.effects();
  if (!is_asking_) listener_.on_step(step, effects, *this);
  for (const Effect& effect : effects.records()) {
    if (!apply(effect, effects.data(effect), effects.extra(effect))) return false;
  }
  return true;
}

bool Host::apply(const Effect& effect, std::string_view data, std::string_view extra) {
  switch (static_cast<EffectType>(effect.type)) {
    case EffectType::kPutSegment:
      if (segments_.put(effect.target, data, extra)) return true;
      return fail("the room stores what is no segment");
    case EffectType::kLoad: {
      ByteReader reader(data);
      load_.emplace();
      while (!reader.at_end()) load_->push_back(reader.u32());
      return true;
    }
    case EffectType::kScheduleFlush: flush_scheduled_ = true; return true;
    case EffectType::kTimer:
      timer_at_ms_.reset();
      if (effect.value >= 0) timer_at_ms_ = now_ms_ + effect.value;
      return true;
    case EffectType::kAlarm: alarm_at_ms_ = effect.value; return true;
    case EffectType::kForward: {
      auto seqs = batch_seqs(data);
      if (!seqs || seqs->empty()) return fail("the room forwards what is no batch");
      // {"v":1,"room":…,"epoch":…,"records":[…]}
      constexpr std::string_view kRecords = ",\"records\":[";
      attempts_.push_back(
          {effect.target, std::string(data.substr(0, data.find(kRecords))), std::move(*seqs)});
      return true;
    }
    case EffectType::kFetch: fetches_.push_back(effect.target); return true;
    case EffectType::kRespond:
    case EffectType::kRespondPart:
      answer_.status = static_cast<uint32_t>(effect.value);
      answer_.body += data;
      if (static_cast<EffectType>(effect.type) == EffectType::kRespondPart) rest_ = extra;
      return true;
    default: return true;
  }
}

// Every record is stored.
bool Host::answer(const Attempt& attempt) {
  std::string payload = "\n\n" + attempt.room_and_epoch + ",\"results\":[";
  for (size_t i = 0; i < attempt.seqs.size(); i++) {
    if (i > 0) payload.push_back(',');
    payload.append("{\"seq\":");
    append_json_integer(payload, attempt.seqs[i]);
    payload.append(",\"status\":\"stored\"}");
  }
  payload.append("]}");
  Step step;
  step.event = EventType::kAttemptResult;
  step.first = attempt.seqs.front();
  step.last = attempt.seqs.back();
  return give(step, attempt.number, kStatusOk, payload);
}

// What the room has let go of is in the log, and nowhere else: the central API is not there.
bool Host::answer_fetch() {
  const uint32_t fetch = fetches_.front();
  fetches_.erase(fetches_.begin());
  return event(EventType::kFetched, fetch, 0, {});
}

bool Host::fail(const std::string& what) {
  if (fault_.empty()) fault_ = what;
  return false;
}

}  // namespace edgeroom::replay
