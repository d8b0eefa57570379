// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"fmt"
	"log"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// Example calls a function of a simulated processor with a buffer. On a board with Linux, runtime.OpenLinux stands in for
// sim.New, and nothing else changes.
func Example() {
	ctx := context.Background()
	board, err := sim.New(sim.Config{}) // on hardware: runtime.OpenLinux(ctx, runtime.LinuxConfig{})
	check(err)
	defer board.Close()
	rt, err := runtime.New(runtime.Config{Board: board})
	check(err)
	defer rt.Close()
	dsp, err := rt.Start(ctx, runtime.SessionConfig{Processor: "dsp0"})
	check(err)

	buf, err := rt.Alloc(ctx, runtime.AllocConfig{Heap: "ddr", Size: 1 << 20, Name: "input"})
	check(err)
	defer buf.Close()
	_, err = buf.WriteAt([]byte("hello, DSP"), 0)
	check(err)

	var crc uint32
	err = dsp.Call(ctx, "crc32c", &crc, buf.Range(0, 10, runtime.In))
	check(err)
	fmt.Printf("%#x\n", crc)
	// Output: 0x3717360a
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
