// The view for machines: one JSON object a line. --help of scripts/replay lists them.
#pragma once

#include <string>
#include <string_view>

#include "tools/replay/view.h"

namespace edgeroom::replay {

class JsonView final : public View {
 public:
  // `options` must outlive the view.
  JsonView(const Options& options, std::FILE* out) : options_(options), out_(out) {}

  void begin(const LogSummary& log) override;
  void started(const Host& host) override;
  void on_step(const Step& step, const EffectList& effects, const Host& host) override;
  void stopped(const Record& record, const Host& host) override;
  void end(const Outcome& outcome) override;

 private:
  void put(std::string& line);

  const Options& options_;
  std::FILE* out_;
  uint64_t first_ = 0;
  std::string recorded_digest_;
  std::string cut_;
  std::string digest_;  // of the state before the step
};

// An effect with its fields: {"type":"alarm","at":…}. `full`: with the bytes that are no text, as
// hexadecimal digits.
std::string effect_json(const Effect& effect, const EffectList& effects, bool full);

}  // namespace edgeroom::replay
