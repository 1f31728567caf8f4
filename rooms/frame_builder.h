// Outgoing frames: JSON objects gathered into JSON arrays.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace edgeroom {

// Gathers JSON objects, in order, into frames of at most `frame_bytes_max` each; an object that is
// larger than that alone gets a frame of its own.
class FrameBuilder {
 public:
  explicit FrameBuilder(size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  // Where the caller appends exactly one JSON object, and then calls end_object().
  std::string& begin_object();
  void end_object();

  [[nodiscard]] bool empty() const { return frames_.empty(); }
  [[nodiscard]] size_t bytes() const { return bytes_; }
  // Hands over the frames, complete; the builder is empty afterwards.
  std::vector<std::string> take();

 private:
  size_t frame_bytes_max_;
  std::vector<std::string> frames_;  // arrays without their closing bracket
  size_t object_start_ = 0;
  size_t bytes_ = 0;
};

}  // namespace edgeroom
