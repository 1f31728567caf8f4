// The view for machines: one JSON object a line. --help of scripts/replay lists them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "tools/replay/effect_words.h"
#include "tools/replay/view.h"

namespace edgeroom::replay {

// How long what is said in words may be, without --width.
inline constexpr size_t kWordsColumns = 100;

class JsonView final : public View {
 public:
  // Takes a line, with its line feed.
  using Out = std::function<void(std::string_view line)>;

  // `options` must outlive the view.
  JsonView(const Options& options, Out out) : options_(options), out_(std::move(out)) {}

  void begin(const LogSummary& log) override;
  void started(const Host& host) override;
  void on_step(const Step& step, const EffectList& effects, const Host& host) override;
  void stopped(const Record& record, const Host& host) override;
  void end(const Outcome& outcome) override;

 private:
  void put(std::string& line);
  [[nodiscard]] size_t columns() const { return options_.width.value_or(kWordsColumns); }

  const Options& options_;
  Out out_;
  uint64_t first_ = 0;
  std::string recorded_digest_;
  std::string cut_;
  std::string digest_;  // of the state before the step
};

// An effect with its fields and what it is in words: {"type":"alarm","at":…,"words":["alarm",…]}.
// `full`: with the bytes that are no text, as hexadecimal digits.
std::string effect_json(const Effect& effect, const EffectList& effects, const EffectWords& words,
                        bool full);

}  // namespace edgeroom::replay
