#include "tools/replay/json_view.h"

#include <algorithm>
#include <initializer_list>

#include "base/hex.h"
#include "base/json_writer.h"
#include "rooms/segment.h"
#include "tools/replay/record_words.h"
#include "tools/replay/state_view.h"
#include "tools/replay/words.h"

namespace edgeroom::replay {

namespace {

// JSON text as a part of a line. Its line breaks are white space between tokens.
std::string on_one_line(std::string_view json) {
  std::string out(json);
  std::replace_if(out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

uint64_t whole(double value) { return value < 0 ? 0 : static_cast<uint64_t>(value); }

void append_segment(JsonObjectWriter& object, const Effect& effect, const EffectList& effects,
                    bool full) {
  object.integer("slot", effect.target);
  SegmentHead head;
  if (decode_segment_head(effects.data(effect), head)) {
    object.integer("first", head.first_seq);
    object.integer("last", head.last_seq());
  }
  object.integer("bytes", effect.extra_size);
  if (!full) return;
  object.string("head", hex_encode(effects.data(effect)));
  object.string("data", hex_encode(effects.extra(effect)));
}

void append_bytes(JsonObjectWriter& object, std::string_view bytes, bool full) {
  object.integer("bytes", bytes.size());
  if (full) object.string("data", hex_encode(bytes));
}

void append_words(JsonObjectWriter& object, std::initializer_list<std::string_view> words) {
  std::string list;
  for (const std::string_view each : words) {
    list.push_back(list.empty() ? '[' : ',');
    append_json_string(list, each);
  }
  object.raw("words", list + "]");
}

}  // namespace

std::string effect_json(const Effect& effect, const EffectList& effects, const EffectWords& words,
                        bool full) {
  std::string out;
  JsonObjectWriter object(out);
  const std::string_view data = effects.data(effect);
  object.string("type", effect_name(effect.type));
  switch (static_cast<EffectType>(effect.type)) {
    case EffectType::kSend:
      object.integer("socket", effect.target);
      object.raw("frame", on_one_line(data));
      break;
    case EffectType::kBroadcast: object.raw("frame", on_one_line(data)); break;
    case EffectType::kClose:
      object.integer("socket", effect.target);
      object.integer("code", whole(effect.value));
      object.string("reason", data);
      break;
    case EffectType::kAccept:
      object.integer("socket", effect.target);
      append_bytes(object, data, full);
      break;
    case EffectType::kPutSegment: append_segment(object, effect, effects, full); break;
    case EffectType::kDropSegment: object.integer("slot", effect.target); break;
    case EffectType::kPutState:
      object.integer("id", effect.target);
      append_bytes(object, data, full);
      break;
    case EffectType::kTimer:
      if (effect.value >= 0) object.integer("after_ms", whole(effect.value));
      break;
    case EffectType::kAlarm: object.integer("at", whole(effect.value)); break;
    case EffectType::kForward:
      object.integer("attempt", effect.target);
      object.string("key", effects.extra(effect));
      object.raw("batch", on_one_line(data));
      break;
    case EffectType::kLog:
      object.integer("level", whole(effect.value));
      object.raw("line", on_one_line(data));
      break;
    case EffectType::kMeasure: object.integer("bytes", static_cast<uint64_t>(effect.value)); break;
    case EffectType::kFetch: object.string("path", data); break;
    default: break;
  }
  if (!words.label.empty()) append_words(object, {words.label, words.text});
  object.close();
  return out;
}

void JsonView::put(std::string& line) {
  line.push_back('\n');
  out_(line);
}

void JsonView::begin(const LogSummary& log) {
  first_ = log.header.first;
  recorded_digest_ = log.header.state_digest;
  cut_ = log.cut;
  std::string line;
  JsonObjectWriter object(line);
  object.string("event", "log");
  object.string("room", log.header.room);
  object.string("kind", log.header.kind);
  object.string("epoch", log.header.epoch);
  object.integer("first", log.header.first);
  object.integer("last", log.header.last);
  object.integer("confirmed", log.header.confirmed);
  object.integer("snapshot_through", log.header.snapshot_through);
  object.string("state", recorded_digest_);
  object.integer("records", log.records);
  if (!cut_.empty()) object.string("cut", cut_);
  object.close();
  put(line);
}

void JsonView::started(const Host& host) {
  digest_ = host.state().digest();
  if (!options_.state) return;
  std::string line;
  JsonObjectWriter object(line);
  object.string("event", "begin");
  object.raw("state", state_json(look_at(host.state())));
  object.close();
  put(line);
}

void JsonView::on_step(const Step& step, const EffectList& effects, const Host& host) {
  const bool is_record = step.event == EventType::kRecord;
  if (!options_.shows(std::max(step.seq, first_))) return;
  const bool lists_effects = options_.effects != Detail::kNone;
  // Other events are there for their effects.
  if (!is_record && (!lists_effects || effects.records().empty())) return;
  std::string line;
  JsonObjectWriter object(line);
  object.string("event", event_name(step.event));
  object.integer("at", whole(step.at_ms));
  if (step.seq >= first_) object.integer("seq", step.seq);
  if (is_record) {
    const Record& record = *step.record;
    object.raw("record", step.line);
    append_words(
        object, {visible(record.user), record_kind(record), shown(record_text(record), columns())});
  }
  if (step.event == EventType::kAttemptResult) {
    object.integer("first", step.first);
    object.integer("last", step.last);
  }
  if (lists_effects) {
    object.key("effects");
    line.push_back('[');
    for (const Effect& effect : effects.records()) {
      if (line.back() != '[') line.push_back(',');
      line += effect_json(effect, effects, effect_words(effect, effects, step, host, columns()),
                          options_.effects == Detail::kFull);
    }
    line.push_back(']');
  }
  if (is_record && options_.state) {
    const std::string digest = host.state().digest();
    object.string("state_before", digest_);
    if (!options_.state_changes || digest != digest_) {
      object.raw("state", state_json(look_at(host.state())));
    }
    digest_ = digest;
  }
  object.close();
  put(line);
}

void JsonView::stopped(const Record& record, const Host& host) {
  std::string line;
  JsonObjectWriter object(line);
  object.string("event", "break");
  object.integer("before", record.seq);
  object.raw("state", state_json(look_at(host.state())));
  object.close();
  put(line);
}

void JsonView::end(const Outcome& outcome) {
  std::string line;
  JsonObjectWriter object(line);
  object.string("event", "end");
  object.integer("replayed", outcome.replayed);
  object.string("state", outcome.digest);
  const bool is_same = outcome.difference_count == 0 && outcome.fault.empty() && cut_.empty();
  object.boolean("as_recorded", is_same);
  if (!cut_.empty()) object.string("cut", cut_);
  if (!outcome.fault.empty()) object.string("fault", outcome.fault);
  object.integer("difference_count", outcome.difference_count);
  object.key("differences");
  line.push_back('[');
  for (const Difference& difference : *outcome.differences) {
    if (line.back() != '[') line.push_back(',');
    JsonObjectWriter each(line);
    if (difference.seq > 0) each.integer("seq", difference.seq);
    each.string("what", difference.what);
    each.string("recorded", difference.recorded);
    each.string("replayed", difference.replayed);
    each.close();
  }
  line.push_back(']');
  object.close();
  put(line);
}

}  // namespace edgeroom::replay
