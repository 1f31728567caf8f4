// The servers behind /api/: the setting API_URL.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "worker/url.h"

namespace edgeroom {

class Origins {
 public:
  // `setting`: one absolute URL for every path, or a JSON object of path prefixes to such URLs;
  // empty: there is no origin. An error names the setting, and the prefix that is wrong.
  //
  // A prefix stands for itself and what is below it: "/api/shop" for /api/shop and /api/shop/cart,
  // but not for /api/shopping. The longest that fits is taken.
  static Result<Origins> parse(std::string_view setting);

  [[nodiscard]] bool empty() const { return origins_.empty(); }

  // The base URL, without a slash at its end, of the origin of a normalised path (worker/url.h);
  // nothing when no prefix covers it. Valid as long as the origins.
  [[nodiscard]] std::optional<std::string_view> base_of(std::string_view path) const;

 private:
  struct Origin {
    std::string prefix;  // without a slash at its end
    std::string base;    // without a slash at its end
  };

  std::vector<Origin> origins_;  // the longest prefix first
};

// The text without slashes at its end.
std::string_view without_slash(std::string_view text);

// Whether other people may see the URL, and paths may be added to it: absolute, http or https, and
// with no user, no query and no fragment.
bool is_plain_url(std::string_view text);

}  // namespace edgeroom
