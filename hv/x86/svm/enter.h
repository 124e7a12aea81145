/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Places in struct core that enter.S uses, for the preprocessor only; svm.c proves them. */

#define CORE_VMCB_HPA 0x9000	/* svm_vcpu.vmcb_hpa in virt_page[PAGE_STATE] */
#define CORE_GPR 0xb020		/* vcpu.gpr[] */
