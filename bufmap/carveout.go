// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/offload-runtime/offload/dmabuf"
)

// Carveout is a heap whose memory is a carveout of the firmware's resource table.
type Carveout struct {
	Heap     string
	Name     string // of the carveout in the resource table
	Uncached bool
}

// Carveouts knows addresses from the carveouts that the running firmware has: like Static, with the region read from the
// kernel at each attach, because a restart may bring another firmware.
type Carveouts struct {
	path     string
	list     []Carveout
	coherent bool
}

// NewCarveouts takes the path of the processor's carveout_memories in debugfs.
func NewCarveouts(path string, coherent bool, list ...Carveout) *Carveouts {
	return &Carveouts{path: path, list: append([]Carveout(nil), list...), coherent: coherent}
}

// Name is "carveout".
func (c *Carveouts) Name() string { return "carveout" }

// Translate returns ErrNoAttachment where the address is known and of no use.
func (c *Carveouts) Translate(b *dmabuf.Buffer) (Result, error) {
	for _, v := range c.list {
		if v.Heap != b.Heap() {
			continue
		}
		text, err := os.ReadFile(c.path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			return Result{}, fmt.Errorf("%w: %w (debugfs, root only)", errors.ErrUnsupported, err)
		case err != nil:
			return Result{}, err
		}
		known, err := parseCarveouts(string(text))
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", c.path, err)
		}
		r, ok := known[v.Name]
		if !ok {
			return Result{}, fmt.Errorf("%s: the firmware has no carveout %q: %w", c.path, v.Name, errors.ErrUnsupported)
		}
		r.Heap, r.Uncached = v.Heap, v.Uncached
		if err := checkRegions([]Region{r}); err != nil {
			return Result{}, fmt.Errorf("%s: %w", c.path, err)
		}
		return whole(b, []Region{r}, c.coherent)
	}
	return Result{}, fmt.Errorf("heap %q is no carveout: %w", b.Heap(), errors.ErrUnsupported)
}

// parseCarveouts reads what rproc_carveouts_show prints (drivers/remoteproc/remoteproc_debugfs.c). The DMA address is the
// one on the bus; the device address there is the firmware's wish.
func parseCarveouts(text string) (map[string]Region, error) {
	list := map[string]Region{}
	name := ""
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		r := list[name]
		var err error
		switch key {
		case "Carveout memory entry":
			name = ""
			continue
		case "Name":
			name = value
			list[name] = Region{}
			continue
		case "DMA address":
			var v uint64
			v, err = strconv.ParseUint(value, 0, 64)
			r.Phys = PhysAddr(v)
		case "Length":
			r.Size, err = strconv.ParseUint(strings.TrimSuffix(value, " Bytes"), 0, 64)
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("carveout %q: %s: %w", name, key, err)
		}
		if name == "" {
			return nil, fmt.Errorf("%s of a carveout without name: %w", key, os.ErrInvalid)
		}
		list[name] = r
	}
	return list, nil
}
