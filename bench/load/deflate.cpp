#include "bench/load/deflate.h"

#include <array>
#include <cstdlib>

namespace edgeroom::load {
namespace {

constexpr int kRaw = -15;  // no header, a window of 32 KiB
constexpr size_t kStep = 16384;
constexpr int kMemoryLevel = 8;

// What a sender leaves out at the end of each message.
constexpr std::array<unsigned char, 4> kTail{0x00, 0x00, 0xFF, 0xFF};

// zlib takes no pointers to const, and changes nothing behind them.
Bytef* input(const void* bytes) { return static_cast<Bytef*>(const_cast<void*>(bytes)); }

// Shared by all connections, as there is one thread and a message is read before the next comes.
std::string& inflated() {
  static std::string text;
  return text;
}

}  // namespace

void Inflater::End::operator()(z_stream* stream) const {
  inflateEnd(stream);
  delete stream;
}

Inflater::Inflater(bool fresh_context) : stream_(new z_stream()), fresh_context_(fresh_context) {
  if (inflateInit2(stream_.get(), kRaw) != Z_OK) std::abort();
}

std::string_view Inflater::inflate_message(std::string_view payload, bool& failed) {
  std::string& out = inflated();
  size_t length = 0;
  const std::array<std::string_view, 2> parts{
      payload, {reinterpret_cast<const char*>(kTail.data()), kTail.size()}};
  for (const std::string_view part : parts) {
    stream_->next_in = input(part.data());
    stream_->avail_in = static_cast<uInt>(part.size());
    do {
      if (out.size() < length + kStep) out.resize(length + kStep);
      stream_->next_out = reinterpret_cast<Bytef*>(out.data() + length);
      stream_->avail_out = static_cast<uInt>(kStep);
      const int status = inflate(stream_.get(), Z_SYNC_FLUSH);
      if (status != Z_OK && status != Z_BUF_ERROR) {
        failed = true;
        return {};
      }
      length += kStep - stream_->avail_out;
    } while (stream_->avail_out == 0);
  }
  if (fresh_context_) inflateReset(stream_.get());
  return std::string_view(out).substr(0, length);
}

void Deflater::End::operator()(z_stream* stream) const {
  deflateEnd(stream);
  delete stream;
}

Deflater::Deflater() : stream_(new z_stream()) {
  if (deflateInit2(stream_.get(), Z_DEFAULT_COMPRESSION, Z_DEFLATED, kRaw, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    std::abort();
  }
}

std::string_view Deflater::deflate_message(std::string_view payload) {
  deflateReset(stream_.get());
  out_.resize(deflateBound(stream_.get(), static_cast<uLong>(payload.size())) + kStep);
  stream_->next_in = input(payload.data());
  stream_->avail_in = static_cast<uInt>(payload.size());
  stream_->next_out = reinterpret_cast<Bytef*>(out_.data());
  stream_->avail_out = static_cast<uInt>(out_.size());
  if (deflate(stream_.get(), Z_SYNC_FLUSH) != Z_OK || stream_->avail_out == 0) std::abort();
  return std::string_view(out_).substr(0, out_.size() - stream_->avail_out - kTail.size());
}

}  // namespace edgeroom::load
