// Which headers pass between a client and an origin, both ways.
//
// Behind /api/ everything passes but what belongs to a single hop, and what nobody but the Worker
// may say. Behind /assets/ nothing passes but what describes the file: it goes through a cache that
// everybody shares.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/abi.h"

namespace edgeroom {

struct PassedHeaders {
  std::string headers;  // lines `name: value`, each ended by a line feed
  // Of an answer. 0: the origin's own status and body pass on.
  uint32_t status = 0;
  std::string body;  // instead of the origin's, when `status` is not 0
  // kAssetRequest: the cache may answer it; kAssetAnswer: the cache may keep it.
  bool is_cacheable = false;
};

// `lines`: `name: value`, each ended by a line feed. `status`: of an answer.
PassedHeaders pass_headers(EdgeHeaderSet set, uint32_t status, std::string_view lines);

}  // namespace edgeroom
