// SPDX-License-Identifier: Apache-2.0

package runtime_test

import "testing"

// TestLinuxVerifyCoherence: what the device tree says is true of all heaps but the shadow heap, whose memory no processor
// sees coherently: where the processors are said to be coherent it is exposed. The machine dsp-liar goes further: even a
// program that synchronises gets wrong data there.
func TestLinuxVerifyCoherence(t *testing.T) {
	b := openBoard(t, "")
	list, err := b.Processors()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		info := p.Info()
		t.Run(info.Name, func(t *testing.T) {
			b := openBoard(t, info.Name)
			s := b.start(t)
			for _, heap := range []string{"linux,cma", "msmc"} {
				if err := s.VerifyCoherence(deadline(t), heap); err != nil {
					t.Error(err)
				}
			}
			err := s.VerifyCoherence(deadline(t), "shadow")
			if info.Coherent {
				exposed(t, err, info.Name, "shadow")
				t.Log(err)
			} else if err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
