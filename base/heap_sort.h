// Sorting with less code than std::sort, which brought some three kilobytes into a module for each
// type of element. Nothing that is sorted with it is long, or sorted often.
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
