// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"context"
	"fmt"
	"log"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/sim"
)

// A processor whose one function is a Go function.
func Example() {
	mux := sim.NewMux()
	mux.HandleFunc("brighten", func(c *sim.Call) error {
		out, in, by := c.Out(), c.Data(), c.Uint()
		if err := c.End(); err != nil {
			return err
		}
		for i := range min(len(out), len(in)) {
			out[i] = byte(min(255, uint64(in[i])+by))
		}
		c.Printf("brightened %d pixels", len(in))
		return c.ResultUint(uint64(len(in)))
	})
	dsp := sim.DefaultProcessors()[0]
	dsp.Firmware.Program = "camera"
	board, err := sim.New(sim.Config{
		Programs:   map[string]*sim.Mux{"camera": mux},
		Processors: []sim.ProcessorConfig{dsp},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer board.Close()

	ctx := context.Background()
	p, err := board.Processor("dsp0")
	if err != nil {
		log.Fatal(err)
	}
	if err := p.Remoteproc().Start(ctx); err != nil {
		log.Fatal(err)
	}
	state, _ := p.Remoteproc().State()
	fmt.Println(p.Info().Name, "is", state)
	// Output: dsp0 is running
}

// What a forgotten SYNC does.
func Example_staleData() {
	board, err := sim.New(sim.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer board.Close()
	buf, err := board.Alloc(context.Background(), "ddr", 4096, "picture")
	if err != nil {
		log.Fatal(err)
	}
	defer buf.Close()
	p, _ := board.Processor("dsp0")
	at, err := p.Translators().Translate(buf)
	if err != nil {
		log.Fatal(err)
	}
	defer at.Attachment.Close()

	memory := make([]byte, 1)
	show := func(what string) {
		board.Peek(at.Phys, memory)
		fmt.Printf("%s: memory has %d\n", what, memory[0])
	}
	buf.Open(dmabuf.Write) // a bracket without SYNC
	bytes, _ := buf.Bytes()
	bytes[0] = 42
	buf.Shut(dmabuf.Write)
	show("without SYNC")
	buf.SyncEnd(dmabuf.Write)
	show("after SYNC")
	// Output:
	// without SYNC: memory has 0
	// after SYNC: memory has 42
}

// A board of one's own: memory, windows and a fault on demand.
func ExampleNew() {
	board, err := sim.New(sim.Config{
		Heaps: []sim.HeapConfig{{Name: "cmem", Aliases: []string{"ddr"}, Phys: 0x8_2000_0000, Size: 64 << 20}},
		Processors: []sim.ProcessorConfig{{
			Name:     "m4f",
			Windows:  []bufmap.Window{{Name: "cmem", Phys: 0x8_2000_0000, Device: 0xA000_0000, Size: 64 << 20}},
			Carveout: bufmap.Window{Phys: 0x9DB0_0000, Device: 0x1000_0000, Size: 2 << 20},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer board.Close()
	if err := board.Inject("", sim.Fault{Kind: sim.NoMemory, Heap: "ddr"}); err != nil {
		log.Fatal(err)
	}
	_, err = board.Alloc(context.Background(), "ddr", 1<<20, "frame")
	fmt.Println(err)
	// Output:
	// buffer "frame" of ddr, 1048576 bytes: heap "cmem" of 67108864 bytes has 67108864 free, the largest free range is 67108864 (an injected fault): cannot allocate memory
}
