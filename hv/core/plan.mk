# SPDX-License-Identifier: Apache-2.0
# The plan on the build host: the hypervisor's own reader and admission as a command. PLAN=folder is the folder with
# bulkhead.toml; CHECK_PLAN="--cores 5 --memory 8GiB" imagines another machine than a huge one.

CHECK_PLAN ?=
HOST_CFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wvla -Werror -Ihv/include
PLAN_C := hv/lib/toml.c hv/lib/toml_value.c hv/lib/format.c hv/lib/string.c hv/lib/net_text.c $(sort $(wildcard hv/core/plan*.c)) \
	hv/core/admission.c hv/core/admission_memory.c hv/core/admission_disks.c hv/core/admission_net.c hv/core/admission_nat.c hv/core/admission_devices.c hv/core/resolved_plan.c $(sort $(wildcard hv/core/load*.c))
PLAN_H := $(wildcard hv/include/hv/*.h hv/core/plan*.h hv/core/admission.h hv/core/load*.h hv/lib/*.h)

$(BUILD)/host/check-plan: tests/tools/check_plan.c $(PLAN_C) $(PLAN_H)
	@mkdir -p $(@D)
	$(Q)gcc $(HOST_CFLAGS) -fno-builtin -o $@ tests/tools/check_plan.c $(PLAN_C)

host-tools: $(BUILD)/host/check-plan

.PHONY: check-plan
check-plan: $(BUILD)/host/check-plan $(if $(wildcard $(PLAN)/recipe.sh),plan-folder) ## check PLAN=folder on the build host with the hypervisor's own code
	@$(BUILD)/host/check-plan $(PLAN_DIR) $(CHECK_PLAN)
