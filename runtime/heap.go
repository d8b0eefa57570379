// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// Heaps lists the heaps of the board.
func (rt *Runtime) Heaps() ([]HeapInfo, error) { return rt.board.Heaps() }

// heap finds a heap by name or alias; names go before aliases.
func (rt *Runtime) heap(name string) (HeapInfo, error) {
	list, err := rt.board.Heaps()
	if err != nil {
		return HeapInfo{}, err
	}
	for _, h := range list {
		if h.Name == name {
			return h, nil
		}
	}
	var have []string
	for _, h := range list {
		if slices.Contains(h.Aliases, name) {
			return h, nil
		}
		s := h.Name
		if len(h.Aliases) > 0 {
			s += " (" + strings.Join(h.Aliases, ", ") + ")"
		}
		have = append(have, s)
	}
	if have == nil {
		have = []string{"none"}
	}
	return HeapInfo{}, fmt.Errorf("heap %q: %w; board %s has: %s", name, fs.ErrNotExist, rt.board.Name(), strings.Join(have, ", "))
}

// heapNames remembers which heap a name means. What changes of a heap, its free bytes, is not to be read from here.
type heapNames struct {
	mu    sync.Mutex
	known map[string]HeapInfo
}

// named finds a heap without asking the board a second time.
func (rt *Runtime) named(name string) (HeapInfo, error) {
	rt.heaps.mu.Lock()
	defer rt.heaps.mu.Unlock()
	if h, ok := rt.heaps.known[name]; ok {
		return h, nil
	}
	h, err := rt.heap(name)
	if err != nil {
		return h, err
	}
	if rt.heaps.known == nil {
		rt.heaps.known = map[string]HeapInfo{}
	}
	rt.heaps.known[name] = h
	return h, nil
}
