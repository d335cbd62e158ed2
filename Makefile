# SPDX-License-Identifier: BSD-2-Clause
# Short ways to what one wants most; the build itself is Meson's.
#   make           build into $(BUILD)          make demo      the main job, shown in a VM
#   make install   install what was built       make check     all builds, all tests, one verdict
#   make tidy      clang-tidy                   make format    rewrite C files with clang-format
# A first build, demo and check install what a Debian 12 lacks (tools/install-deps).
BUILD ?= build

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@tools/install-deps build
	meson setup $(BUILD)

demo:
	@tools/install-deps demo
	@tools/demo $(BUILD)

check:
	@tools/install-deps check
	@tools/check

install: all
	meson install -C $(BUILD) --no-rebuild

tidy: all
	tools/tidy $(BUILD)

format:
	tools/check-format --fix

clean:
	rm -rf $(BUILD) build-check

.PHONY: all demo check install tidy format clean
