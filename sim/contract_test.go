// SPDX-License-Identifier: Apache-2.0

package sim_test

import (
	"testing"
	"time"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/contract"
	"github.com/offload-runtime/offload/sim"
)

// TestContract runs the suite of every board on both processors of the default board.
func TestContract(t *testing.T) {
	for _, processor := range []string{"dsp0", "core0"} {
		t.Run(processor, func(t *testing.T) {
			contract.Run(t, func(t *testing.T) contract.Target {
				processors := sim.DefaultProcessors()
				for i := range processors {
					processors[i].RecoveryDelay = 20 * time.Millisecond
				}
				b, err := sim.New(sim.Config{Processors: processors})
				if err != nil {
					t.Fatal(err)
				}
				p, err := b.Processor(processor)
				if err != nil {
					t.Fatal(err)
				}
				c := sim.FirmwareConfig{}
				wild := uint64(0xf0000000)
				if processor == "core0" {
					c.Machine, c.Base = firmware.MachineAArch64, 0x6000_0000
					wild = 0xf00000000000
				}
				image, err := sim.Firmware(c)
				if err != nil {
					t.Fatal(err)
				}
				tg := contract.Target{
					Board: b, Processor: processor, Image: image,
					Heap: "ddr", Alias: "ddr", OnChip: "msmc", Scattered: "system", Secure: "secure",
					Coherent: p.Info().Coherent, RestartsSelf: true, KeepsTrace: true, AlwaysScattered: true, Stoppable: true, WildAddress: wild,
				}
				return tg
			})
		})
	}
}
