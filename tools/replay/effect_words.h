// Effects as text: in a few words, and in full.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "rooms/effects.h"
#include "tools/replay/host.h"

namespace edgeroom::replay {

// What an effect is in words; empty for one that only the host is concerned with.
struct EffectWords {
  std::string label;
  std::string text;
};
EffectWords effect_words(const Effect& effect, const EffectList& effects, const Step& step,
                         const Host& host, size_t columns);
// All of an effect, as in the transcripts (tests/transcripts/README.md).
std::vector<std::string> effect_lines(const Effect& effect, const EffectList& effects);

}  // namespace edgeroom::replay
