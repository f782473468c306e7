/* SPDX-License-Identifier: Apache-2.0 */
/* What the stub uses of the UEFI specification 2.10 (sections 4, 7, 9, 12, 13.4, 37.7). Members
 * that are not used are there for their room. No table of functions is ever initialised statically:
 * the image has no relocations. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define EFIAPI __attribute__((ms_abi))

typedef uint64_t efi_status;
typedef void *efi_handle;

#define EFI_ERROR_BIT        (1ull << 63)
#define EFI_INVALID          (EFI_ERROR_BIT | 2)
#define EFI_UNSUPPORTED      (EFI_ERROR_BIT | 3)
#define EFI_BUFFER_TOO_SMALL (EFI_ERROR_BIT | 5)

struct efi_guid {
        uint32_t a;
        uint16_t b, c;
        uint8_t d[8];
};

struct efi_header {
        uint64_t signature;
        uint32_t revision, size, crc, reserved;
};

struct efi_text_output {
        void *reset;
        efi_status(EFIAPI *output)(struct efi_text_output *self, const uint16_t *text);
};

enum efi_memory_type {
        EFI_RESERVED,
        EFI_LOADER_CODE,
        EFI_LOADER_DATA,
        EFI_BOOT_CODE,
        EFI_BOOT_DATA,
        EFI_RUNTIME_CODE,
        EFI_RUNTIME_DATA,
        EFI_CONVENTIONAL,
        EFI_UNUSABLE,
        EFI_ACPI_RECLAIM,
        EFI_ACPI_NVS,
};

struct efi_memory_descriptor {
        uint32_t type, padding;
        uint64_t start, virtual_start, pages, attributes;
};

enum { EFI_ALLOCATE_ANY, EFI_ALLOCATE_MAX_ADDRESS };
enum { EFI_RESET_COLD, EFI_RESET_WARM, EFI_RESET_SHUTDOWN };

struct efi_runtime_services {
        struct efi_header header;
        void *before[10];
        void(EFIAPI *reset_system)(unsigned how, efi_status status, size_t n, void *data);
};

struct efi_boot_services {
        struct efi_header header;
        void *tpl[2];
        efi_status(EFIAPI *allocate_pages)(unsigned how, unsigned type, size_t pages,
                                           uint64_t *address);
        efi_status(EFIAPI *free_pages)(uint64_t address, size_t pages);
        efi_status(EFIAPI *get_memory_map)(size_t *size, void *map, size_t *key, size_t *row,
                                           uint32_t *version);
        void *pool[2];
        void *events[6];
        void *install_protocol, *reinstall_protocol, *uninstall_protocol;
        efi_status(EFIAPI *handle_protocol)(efi_handle handle, const struct efi_guid *protocol,
                                            void **out);
        void *reserved, *register_notify, *locate_handle;
        efi_status(EFIAPI *locate_device_path)(const struct efi_guid *protocol, void **path,
                                               efi_handle *out);
        efi_status(EFIAPI *install_configuration_table)(const struct efi_guid *guid, void *table);
        void *image[5];
        void *next_count;
        efi_status(EFIAPI *stall)(size_t microseconds);
        void *watchdog, *controller[2], *open[3], *library[2];
        efi_status(EFIAPI *locate_protocol)(const struct efi_guid *protocol, void *registration,
                                            void **out);
        efi_status(EFIAPI *install_protocols)(efi_handle *handle, ...);
        efi_status(EFIAPI *uninstall_protocols)(efi_handle handle, ...);
};

struct efi_configuration_table {
        struct efi_guid guid;
        void *table;
};

struct efi_system_table {
        struct efi_header header;
        void *vendor;
        uint32_t revision;
        void *in_handle, *in, *out_handle;
        struct efi_text_output *out;
        void *error_handle, *error;
        struct efi_runtime_services *runtime;
        struct efi_boot_services *boot;
        size_t n_tables;
        struct efi_configuration_table *tables;
};

struct efi_loaded_image {
        uint32_t revision;
        efi_handle parent;
        struct efi_system_table *system;
        efi_handle device;
        void *path, *reserved;
        uint32_t options_size;
        void *options;
        void *base;
        uint64_t size;
        unsigned code_type, data_type;
        void *unload;
};

struct efi_load_file2 {
        efi_status(EFIAPI *load)(struct efi_load_file2 *self, void *path, uint8_t boot_policy,
                                 size_t *size, void *buffer);
};

#define EFI_MEMORY_XP 0x4000ull  /* not executed */
#define EFI_MEMORY_RO 0x20000ull /* not written */

struct efi_memory_attribute {
        void *get;
        efi_status(EFIAPI *set)(struct efi_memory_attribute *self, uint64_t address, uint64_t size,
                                uint64_t attributes);
        efi_status(EFIAPI *clear)(struct efi_memory_attribute *self, uint64_t address,
                                  uint64_t size, uint64_t attributes);
};

typedef efi_status(EFIAPI *efi_entry)(efi_handle image, struct efi_system_table *system);
