// Sorting with a twentieth of the code of std::sort, which every element type would bring anew into
// the modules: about three kilobytes each. Slower by a factor of two or so, which nothing that is
// sorted here is long or frequent enough for.
#pragma once

#include <algorithm>
#include <functional>

namespace edgeroom {

// Random-access iterators. Elements that are equal may change places, as with std::sort.
template <typename Iterator, typename Less = std::less<>>
void heap_sort(Iterator first, Iterator last, Less less = {}) {
  std::make_heap(first, last, less);
  std::sort_heap(first, last, less);
}

}  // namespace edgeroom
