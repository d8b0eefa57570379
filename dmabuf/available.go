// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// checkAvailable refuses what a heap of ordinary pages could not give without the OOM killer: system_heap.c allocates page
// by page until the machine has none left, and then processes die, this one first. Heaps with memory of their own answer
// ENOMEM themselves.
func checkAvailable(heap string, size int64) error {
	if !ordinaryPages(heap) {
		return nil
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil // no /proc, no opinion
	}
	free, ok := parseAvailable(string(text))
	if !ok || size <= free {
		return nil
	}
	return fmt.Errorf("%w (more than the %d bytes that the machine has to spare)", syscall.ENOMEM, free)
}

// ordinaryPages knows the names of system_heap.c and of its variants in vendors' kernels.
func ordinaryPages(heap string) bool {
	return heap == "system" || strings.HasPrefix(heap, "system-") || strings.HasPrefix(heap, "system_") ||
		strings.HasSuffix(heap, ",system") || strings.HasSuffix(heap, ",system-uncached")
}

// parseAvailable reads MemAvailable of /proc/meminfo.
func parseAvailable(text string) (size int64, ok bool) {
	for line := range strings.Lines(text) {
		value, found := strings.CutPrefix(line, "MemAvailable:")
		if !found {
			continue
		}
		fields := strings.Fields(value)
		if len(fields) != 2 || fields[1] != "kB" {
			return 0, false
		}
		kb, err := strconv.ParseInt(fields[0], 10, 64)
		return kb << 10, err == nil && kb >= 0 && kb < 1<<53
	}
	return 0, false
}
