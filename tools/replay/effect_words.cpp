#include "tools/replay/effect_words.h"

#include <algorithm>

#include "base/bytes.h"
#include "rooms/dead_letters.h"
#include "rooms/log.h"
#include "rooms/segment.h"
#include "tools/replay/words.h"

namespace edgeroom::replay {

namespace {

// Of bytes that are no text.
constexpr size_t kBytesShown = 4096;

EffectWords put_segment_words(const Effect& effect, const EffectList& effects, const Host& host) {
  if (is_dead_letter_slot(effect.target)) {
    return {"stored", "a dead letter, " + count_of(effect.extra_size, "byte")};
  }
  SegmentHead head;
  if (!decode_segment_head(effects.data(effect), head)) return {"stored", "a segment without head"};
  std::string text = "slot " + std::to_string(effect.target) + ": " +
                     seqs(head.first_seq, head.last_seq()) + ", " +
                     count_of(effect.extra_size, "byte");
  if (const auto before = host.segments().seqs(effect.target)) {
    text += ", over " + seqs(before->first, before->last);
  }
  return {"stored", std::move(text)};
}

EffectWords put_state_words(const Effect& effect, const Step& step) {
  const std::string bytes = count_of(effect.data_size, "byte");
  if (effect.target == kSnapshotRow) {
    return {"snapshot", "through seq " + std::to_string(step.seq) + ", " + bytes};
  }
  return {"stored", "state row, " + bytes};
}

EffectWords forward_words(const Effect& effect, const EffectList& effects) {
  const auto batch = batch_seqs(effects.data(effect));
  if (!batch || batch->empty()) return {"forwards", "no batch"};
  return {"forwards", seqs(batch->front(), batch->back()) + ", " +
                          count_of(effect.data_size, "byte") + ", attempt " +
                          std::to_string(effect.target)};
}

std::string level_name(double value) {
  if (value == static_cast<double>(LogLevel::kDebug)) return "debug";
  if (value == static_cast<double>(LogLevel::kInfo)) return "info";
  return value == static_cast<double>(LogLevel::kWarn) ? "warn" : "error";
}

std::string number(double value) { return std::to_string(static_cast<int64_t>(value)); }

std::string as_text(std::string_view text) { return "| " + visible(text); }

std::string as_bytes(std::string_view bytes) {
  const std::string text = quoted(bytes.substr(0, kBytesShown));
  return bytes.size() <= kBytesShown ? text : text + "... " + count_of(bytes.size(), "byte");
}

std::string slots_of(std::string_view data) {
  std::string out;
  ByteReader reader(data);
  while (!reader.at_end() && reader.ok()) {
    out += (out.empty() ? "" : ",") + std::to_string(reader.u32());
  }
  return out.empty() ? "none" : out;
}

// The first line of an effect in full, without its payloads.
std::string headline(const Effect& effect, std::string_view data) {
  const std::string target = std::to_string(effect.target);
  std::string name = "< " + effect_name(effect.type);
  switch (static_cast<EffectType>(effect.type)) {
    case EffectType::kSend:
    case EffectType::kAccept: return name + " socket=" + target;
    case EffectType::kClose: return name + " socket=" + target + " code=" + number(effect.value);
    case EffectType::kPutSegment:
    case EffectType::kDropSegment: return name + " slot=" + target;
    case EffectType::kPutState: return name + " id=" + target;
    case EffectType::kLoad: return name + " slots=" + slots_of(data);
    case EffectType::kTimer:
      return name + " after=" + (effect.value < 0 ? "never" : number(effect.value) + "ms");
    case EffectType::kAlarm: return name + " at=" + utc_time(static_cast<uint64_t>(effect.value));
    case EffectType::kForward:
      return name + " attempt=" + target + " timeout=" + number(effect.value) + "ms";
    case EffectType::kLog: return name + " level=" + level_name(effect.value);
    case EffectType::kBroadcast:
    case EffectType::kScheduleFlush:
    case EffectType::kKeepFrame: return name;
    default: return name + " target=" + target + " value=" + number(effect.value);
  }
}

}  // namespace

EffectWords effect_words(const Effect& effect, const EffectList& effects, const Step& step,
                         const Host& host, size_t columns) {
  const std::string_view data = effects.data(effect);
  switch (static_cast<EffectType>(effect.type)) {
    case EffectType::kPutSegment: return put_segment_words(effect, effects, host);
    case EffectType::kPutState: return put_state_words(effect, step);
    case EffectType::kBroadcast: return {"told", shown(data, columns)};
    case EffectType::kSend: return {"told one", shown(data, columns)};
    case EffectType::kClose: return {"closes", number(effect.value) + " " + shown(data, columns)};
    case EffectType::kForward: return forward_words(effect, effects);
    case EffectType::kAlarm: return {"alarm", utc_time(static_cast<uint64_t>(effect.value))};
    case EffectType::kLog:
      return {"logs", fit(level_name(effect.value) + " " + shown(data, columns), columns)};
    case EffectType::kFetch: return {"reads", shown(data, columns)};
    default: return {};
  }
}

std::vector<std::string> effect_lines(const Effect& effect, const EffectList& effects) {
  const std::string_view data = effects.data(effect);
  const std::string_view extra = effects.extra(effect);
  std::vector<std::string> lines = {headline(effect, data)};
  switch (static_cast<EffectType>(effect.type)) {
    case EffectType::kPutSegment:
      lines.push_back("  head " + as_bytes(data));
      lines.push_back("  data " + as_bytes(extra));
      break;
    case EffectType::kPutState:
    case EffectType::kAccept: lines.push_back("  " + as_bytes(data)); break;
    case EffectType::kForward:
      lines.push_back("  body " + as_text(data));
      lines.push_back("  key " + as_text(extra));
      break;
    case EffectType::kLoad: break;
    default:
      if (!data.empty()) lines.push_back("  " + as_text(data));
      if (!extra.empty()) lines.push_back("  extra " + as_text(extra));
      break;
  }
  return lines;
}

}  // namespace edgeroom::replay
