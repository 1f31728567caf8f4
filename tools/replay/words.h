// Text for people: times, bytes and names as they can be read on a terminal.
//
// Nothing here depends on the machine: neither on its locale nor on its time zone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace edgeroom::replay {

// 2027-01-15 08:00:00.000, in UTC.
std::string utc_time(uint64_t ms);

// How much later something happened: "+100 ms", "+75 s"; empty for not at all.
std::string later(double ms);

// UTF-8 text as one line on which everything can be seen and nothing moves the cursor: control,
// format and direction characters stand as \uXXXX, as JSON would have them.
std::string visible(std::string_view text);

// How many columns a terminal needs for visible() text: two for wide characters, none for
// combining ones.
size_t columns_of(std::string_view text);

// At most `columns` of visible() text, with … for what is left out. 0: all of it.
std::string fit(std::string_view text, size_t columns);
// The same of any UTF-8 text, which is made visible; no more of it is looked at than is shown.
std::string shown(std::string_view text, size_t columns);

// `text` cut and filled up with spaces to just this many columns.
std::string column(std::string_view text, size_t columns);
// The same with the spaces in front; never cut.
std::string right(std::string_view text, size_t columns);

// Bytes as in the transcripts: "\x01\x00lobby".
std::string quoted(std::string_view bytes);

// `1 record`, `2 records`.
std::string count_of(uint64_t count, std::string_view noun);
// `seq 3` or `seqs 3-5`.
std::string seqs(uint64_t first, uint64_t last);

}  // namespace edgeroom::replay
