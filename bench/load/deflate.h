// permessage-deflate (RFC 7692) at the client.
#pragma once

#include <zlib.h>

#include <memory>
#include <string>
#include <string_view>

namespace edgeroom::load {

// Of one connection: what it is told may refer to what it was told before.
class Inflater {
 public:
  // `fresh_context`: every message stands for itself.
  explicit Inflater(bool fresh_context);

  // Valid until the next call. `failed` is set when these are no compressed bytes.
  std::string_view inflate_message(std::string_view payload, bool& failed);

 private:
  struct End {
    void operator()(z_stream* stream) const;
  };
  std::unique_ptr<z_stream, End> stream_;
  bool fresh_context_;
};

// For all connections: each message is compressed on its own, as any client may.
class Deflater {
 public:
  Deflater();

  // Valid until the next call.
  std::string_view deflate_message(std::string_view payload);

 private:
  struct End {
    void operator()(z_stream* stream) const;
  };
  std::unique_ptr<z_stream, End> stream_;
  std::string out_;
};

}  // namespace edgeroom::load
