# SPDX-License-Identifier: Apache-2.0
#
# make demo    the main job on the simulated board: no root, no hardware
# make test    all tests: on this machine, and on the emulated boards with a real kernel
# make vm      a shell on an emulated board (MACHINE=dsp)
# make help    the rest

GO ?= go
MACHINE ?= dsp
BOARD = $(GO) run ./test/qemu/cmd/board
ARCHES = amd64 arm arm64 riscv64

.PHONY: help demo build test test-host test-vm packages vet vm bench fuzz clean

help:
	@sed -n 's/^# \(make [a-z-]*  *\)/  \1/p' Makefile
	@echo '  make test-host   the part of make test that needs no emulator'
	@echo '  make test-vm     the part on the emulated boards'
	@echo '  make bench       benchmarks on this machine'
	@echo '  make fuzz        each fuzz target for FUZZTIME (30s)'
	@echo '  make build       out/offload'

demo:
	@$(GO) run ./cmd/offload demo --board sim -o out/demo.png

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o out/offload ./cmd/offload

test: packages test-host test-vm

packages:
	$(BOARD) build --packages

vet:
	@for arch in $(ARCHES); do echo "go vet for $$arch"; GOARCH=$$arch CGO_ENABLED=0 $(GO) vet ./... || exit 1; done

test-host: vet
	$(GO) test -race ./...

# One boot for each package and machine. What is missing on a board is a failure there, not a skip.
ROOMS = ./dmabuf ./rpmsg ./bufmap ./firmware ./internal/sys ./internal/sysfs
test-vm:
	$(BOARD) build
	$(BOARD) test -m dsp $(ROOMS) ./kmod/test ./test/qemu/boardtest ./test/qemu/firmware
	$(BOARD) test -m r5f ./rpmsg ./kmod/test ./test/qemu/boardtest ./test/qemu/firmware
	$(BOARD) test -m dsp,r5f ./cmd/offload -run 'LinuxBoard'
	$(BOARD) test -m dsp,dsp-liar ./cmd/offload -run 'LinuxVerify'
	$(BOARD) test -m dsp ./runtime -run 'Linux'
	$(BOARD) test -m r5f ./runtime -run 'Linux|R5F'
	$(BOARD) test -m dsp-coherent ./runtime -run 'LinuxContract|LinuxVerify'
	$(BOARD) test -m dsp-liar ./runtime -run 'LinuxVerify'
	$(BOARD) test -m dsp-noreset ./runtime -run 'NoReset'
	$(BOARD) test -m dsp-big ./runtime ./kmod/test -run 'Big'

vm:
	$(BOARD) shell -m $(MACHINE)

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

FUZZTIME ?= 30s
fuzz:
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p 2>/dev/null | grep '^Fuzz'); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
		done; \
	done

clean:
	rm -rf out
