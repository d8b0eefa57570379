// SPDX-License-Identifier: Apache-2.0

package subbuf

import "slices"

// span is the bytes from..to of a copy.
type span struct{ from, to int64 }

// insert adds a span to an ascending list of spans that do not touch, and keeps it one. Gaps are never
// filled: their bytes may never have been written by the processor, and the parent's are better.
func insert(list []span, s span) []span {
	if s.from >= s.to {
		return list
	}
	i, _ := slices.BinarySearchFunc(list, s.from, func(e span, from int64) int {
		if e.to < from {
			return -1
		}
		return 1
	})
	j := i
	for ; j < len(list) && list[j].from <= s.to; j++ {
		s.from = min(s.from, list[j].from)
		s.to = max(s.to, list[j].to)
	}
	return slices.Replace(list, i, j, s)
}
