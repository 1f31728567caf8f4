// The view for people: one row a record, and below it what the room did.
//
//       41  2027-01-15 08:00:00.000  ana   message  "hi"
//                      stored    slot 3: seq 41, 28 bytes
//                      told      [{"type":"new_message","seq":41,…
//             +100 ms  forwards  seq 41, 240 bytes
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tools/replay/record_words.h"
#include "tools/replay/state_view.h"
#include "tools/replay/view.h"

namespace edgeroom::replay {

// Where it writes to.
struct Screen {
  std::FILE* out = nullptr;
  size_t width = 0;  // columns; 0: nothing is cut
  bool colour = false;
};

class TextView final : public View {
 public:
  // `options` must outlive the view. `keeps_effects`: for last_turn().
  TextView(const Options& options, const Screen& screen, bool keeps_effects)
      : options_(options), screen_(screen), keeps_effects_(keeps_effects) {}

  void begin(const LogSummary& log) override;
  void started(const Host& host) override;
  void on_step(const Step& step, const EffectList& effects, const Host& host) override;
  void stopped(const Record& record, const Host& host) override;
  void end(const Outcome& outcome) override;

  // Shows records whatever the options say of them: somebody steps through them.
  void show_all(bool all) { shows_all_ = all; }
  void next_record(const Record& record);
  void state(const Host& host);
  // The newest messages that the room has.
  void history(Host& host, uint64_t count);
  // All that came of the newest turn.
  void last_turn();

 private:
  void put(std::string_view line);
  void put_dim(std::string_view line);
  void put_row(const Record& record);
  void state_change(const Host& host);
  void words(const Step& step, const EffectList& effects, const Host& host);
  void full(const Step& step, const EffectList& effects, std::vector<std::string>& lines) const;
  void difference(const Difference& difference);
  [[nodiscard]] std::string paint(std::string_view colour, std::string_view text) const;
  [[nodiscard]] std::string margin(const std::string& offset) const;
  [[nodiscard]] std::string offset(const Step& step) const;
  // How wide text may be beside the margin and a label.
  [[nodiscard]] size_t text_columns() const;

  const Options& options_;
  Screen screen_;
  bool keeps_effects_;
  bool shows_all_ = false;
  LogHeader header_;  // without its snapshot
  std::string cut_;
  Columns columns_;
  double record_ms_ = 0;  // when the newest record came
  std::string digest_;    // of the state before it
  std::vector<std::string> turn_;
};

}  // namespace edgeroom::replay
