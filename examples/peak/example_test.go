// SPDX-License-Identifier: Apache-2.0

package peak_test

import (
	"context"
	"fmt"
	"log"
	"slices"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

func Example() {
	ctx := context.Background()
	mux := sim.NewMux() // stands in for the firmware
	mux.HandleFunc("peak", func(c *sim.Call) error {
		data := c.Data()
		if err := c.End(); err != nil {
			return err
		}
		return c.ResultUint(uint64(slices.Max(append(data, 0))))
	})
	board, err := sim.New(sim.Config{Programs: map[string]*sim.Mux{"functions": mux}})
	check(err) // on hardware: board, err := runtime.OpenLinux(ctx, runtime.LinuxConfig{})
	defer board.Close()
	rt, err := runtime.New(runtime.Config{Board: board})
	check(err)
	defer rt.Close()
	dsp, err := rt.Start(ctx, runtime.SessionConfig{Processor: "dsp0"})
	check(err)

	buf, err := rt.Alloc(ctx, runtime.AllocConfig{Size: 4, For: []string{"dsp0"}})
	check(err)
	defer buf.Close()
	_, err = buf.WriteAt([]byte{1, 2, 255, 3}, 0)
	check(err)

	peak, err := runtime.Call[uint8](ctx, dsp, "peak", buf.In())
	check(err)
	fmt.Println(peak)
	// Output: 255
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
