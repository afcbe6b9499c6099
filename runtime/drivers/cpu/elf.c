// elf.c: kernels that travel as an ELF image inside a module ("embedded-elf-*").
//
// The image is copied to fresh pages, relocated, and then made executable or read-only; no page is
// ever writable and executable at once. No number of the file is believed: each range is checked
// with arithmetic that cannot wrap, against the file before the copy and against the image after.
//
// Facts on what compilers 3.11 to 3.13 write, seen in some 1600 modules: ET_DYN; three LOAD
// segments (R, RX, RW), the last with bytes beyond those in the file; DYNAMIC; GNU_RELRO;
// relocations of the RELATIVE kind only; DT_HASH; no NEEDED, no initialisers, one export. The image
// may start at any multiple of 16 in the module, so nothing is read through typed pointers.
// Anything else is refused by name.
#include "drivers/cpu/elf.h"
#include "drivers/cpu/cpu.h"

// Bytes that an image may take beyond its file: padding between segments and zeroed data.
#define IMAGE_SLACK  (64u * 1024 * 1024)
#define MAX_SEGMENTS 16u
#define MAX_HEADERS  64u

enum { TYPE_DYN = 3, LITTLE_ENDIAN = 1, VERSION = 1 };
enum { SEGMENT_LOAD = 1, SEGMENT_DYNAMIC = 2, SEGMENT_TLS = 7, SEGMENT_RELRO = 0x6474e552 };
enum { FLAG_EXECUTE = 1, FLAG_WRITE = 2 };
enum {
  DT_END = 0,
  DT_NEEDED = 1,
  DT_PLTRELSZ = 2,
  DT_HASH = 4,
  DT_STRTAB = 5,
  DT_SYMTAB = 6,
  DT_RELA = 7,
  DT_RELASZ = 8,
  DT_RELAENT = 9,
  DT_STRSZ = 10,
  DT_SYMENT = 11,
  DT_INIT = 12,
  DT_REL = 17,
  DT_RELSZ = 18,
  DT_RELENT = 19,
  DT_PLTREL = 20,
  DT_TEXTREL = 22,
  DT_JMPREL = 23,
  DT_INIT_ARRAYSZ = 27,
  DT_RELR = 36,
  DT_COUNT = 37,
};

// Where the fields stand; the two classes differ in width and in order. Source: gABI, chapters 4
// and 5.
typedef struct layout {
  uint8_t word;
  uint8_t header_size, ph_offset, ph_entry_size, ph_count;
  uint8_t ph_size, ph_flags, ph_file_offset, ph_address, ph_file_size, ph_memory_size;
  uint8_t symbol_size, symbol_value, symbol_info, symbol_section;
} layout_t;
static const layout_t layout64 = {8, 64, 32, 54, 56, 56, 4, 8, 16, 32, 40, 24, 8, 4, 6};
static const layout_t layout32 = {4, 52, 28, 42, 44, 32, 24, 4, 8, 16, 20, 16, 4, 12, 14};

typedef struct segment {
  uint64_t address, memory_size;
  uint64_t file_offset, file_size;
  uint32_t flags;
} segment_t;

typedef struct elf {
  ee_bytes_t file;
  const ee_elf_machine_t *machine;
  const layout_t *layout;
  segment_t segments[MAX_SEGMENTS]; // LOADs, ascending
  uint32_t segment_count;
  segment_t dynamic, relro;
  bool has_dynamic, has_relro;
  // The copy.
  uint64_t base; // address in the file of the first page
  uint8_t *pages;
  size_t size;
  uint64_t entries[DT_COUNT]; // dynamic entries by tag
  bool present[DT_COUNT];
} elf_t;

static uint64_t load_word(const layout_t *layout, const uint8_t *p) {
  return layout->word == 8 ? ee_load_u64(p) : ee_load_u32(p);
}

static eerie_status_t damaged(eerie_error_t *err, const char *what) {
  (void)what; // unused in builds without texts
  return EE_FAIL(err, EERIE_DATA_LOSS, "kernel ELF: %s", what);
}

static EE_COLD eerie_status_t wrong_machine(const ee_elf_machine_t *machine, eerie_error_t *err) {
  const ee_elf_machine_t *native = ee_elf_machine_native();
  (void)machine, (void)native; // unused in builds without texts
  return EE_FAIL(err, EERIE_INCOMPATIBLE, "kernels for %s, this CPU is %s",
                 machine ? machine->name : "an unknown machine",
                 native ? native->name : "of another kind");
}

// ---- Headers -----------------------------------------------------------------------------------

static eerie_status_t read_header(elf_t *elf, eerie_error_t *err) {
  const uint8_t *data = elf->file.data;
  if (elf->file.size < 20 || memcmp(data,
                                    "\x7F"
                                    "ELF",
                                    4) != 0) {
    return damaged(err, "it does not start with an ELF header");
  }
  if (data[4] != 1 && data[4] != 2) return damaged(err, "unknown class");
  if (data[5] != LITTLE_ENDIAN || data[6] != VERSION) {
    return damaged(err, "not little-endian, or of an unknown version");
  }
  elf->layout = data[4] == 2 ? &layout64 : &layout32;
  if (elf->file.size < elf->layout->header_size) return damaged(err, "its header is cut off");
  const uint16_t id = ee_load_u16(data + 18);
  elf->machine = ee_elf_machine_find(id, elf->layout->word);
  if (!elf->machine || !elf->machine->native) {
    return wrong_machine(elf->machine, err);
  }
  if (ee_load_u16(data + 16) != TYPE_DYN) return damaged(err, "not a shared object");
  return EERIE_OK;
}

static eerie_status_t add_segment(elf_t *elf, const segment_t *segment, eerie_error_t *err) {
  uint64_t end;
  if (!ee_add_u64(segment->address, segment->memory_size, &end)) {
    return damaged(err, "a segment ends past the end of memory");
  }
  if (segment->file_size > segment->memory_size) {
    return damaged(err, "a segment has more bytes in the file than in memory");
  }
  if (!ee_range_ok(segment->file_offset, segment->file_size, elf->file.size)) {
    return damaged(err, "a segment's bytes are past the end of the file");
  }
  if ((segment->flags & FLAG_WRITE) && (segment->flags & FLAG_EXECUTE)) {
    return EE_FAIL(err, EERIE_PERMISSION_DENIED,
                   "kernel ELF: a segment is both writable and executable");
  }
  if (segment->memory_size == 0) return EERIE_OK;
  if (elf->segment_count == MAX_SEGMENTS) return damaged(err, "too many segments");
  // Pages have one protection each, so segments must not share any.
  const uint64_t page = ee_port_page_size();
  if (elf->segment_count > 0) {
    const segment_t *last = &elf->segments[elf->segment_count - 1];
    const uint64_t last_page = (last->address + last->memory_size - 1) / page;
    if (segment->address / page <= last_page) {
      return damaged(err, "segments overlap, are out of order, or are aligned to less than a page");
    }
  }
  elf->segments[elf->segment_count++] = *segment;
  return EERIE_OK;
}

static eerie_status_t read_segments(elf_t *elf, eerie_error_t *err) {
  const layout_t *layout = elf->layout;
  const uint8_t *header = elf->file.data;
  const uint64_t offset = load_word(layout, header + layout->ph_offset);
  const uint32_t count = ee_load_u16(header + layout->ph_count);
  if (ee_load_u16(header + layout->ph_entry_size) != layout->ph_size) {
    return damaged(err, "program headers of an unknown size");
  }
  if (count > MAX_HEADERS || !ee_range_ok(offset, count * layout->ph_size, elf->file.size)) {
    return damaged(err, "too many program headers, or past the end of the file");
  }
  for (uint32_t i = 0; i < count; ++i) {
    const uint8_t *p = header + (size_t)offset + i * layout->ph_size;
    const segment_t segment = {
        .address = load_word(layout, p + layout->ph_address),
        .memory_size = load_word(layout, p + layout->ph_memory_size),
        .file_offset = load_word(layout, p + layout->ph_file_offset),
        .file_size = load_word(layout, p + layout->ph_file_size),
        .flags = ee_load_u32(p + layout->ph_flags),
    };
    switch (ee_load_u32(p)) {
    case SEGMENT_LOAD: EE_TRY(add_segment(elf, &segment, err)); break;
    case SEGMENT_DYNAMIC:
      elf->dynamic = segment;
      elf->has_dynamic = true;
      break;
    case SEGMENT_RELRO:
      elf->relro = segment;
      elf->has_relro = true;
      break;
    case SEGMENT_TLS: return damaged(err, "thread-local storage is not supported");
    default: break;
    }
  }
  if (elf->segment_count == 0) return damaged(err, "nothing to load");
  if (!elf->has_dynamic) return damaged(err, "no dynamic segment");
  return EERIE_OK;
}

// ---- The image ---------------------------------------------------------------------------------

// The segment in which all of [address, address + size) lies, or NULL.
static const segment_t *find_segment(const elf_t *elf, uint64_t address, uint64_t size) {
  for (uint32_t i = 0; i < elf->segment_count; ++i) {
    const segment_t *segment = &elf->segments[i];
    if (address < segment->address) continue;
    if (ee_range_ok(address - segment->address, size, segment->memory_size)) return segment;
  }
  return NULL;
}

static uint8_t *at(const elf_t *elf, uint64_t address) {
  return elf->pages + (size_t)(address - elf->base);
}

// A checked pointer into the image, or NULL.
static uint8_t *range_at(const elf_t *elf, uint64_t address, uint64_t size) {
  return find_segment(elf, address, size) ? at(elf, address) : NULL;
}

static eerie_status_t copy_image(elf_t *elf, eerie_error_t *err) {
  const uint64_t page = ee_port_page_size();
  const segment_t *last = &elf->segments[elf->segment_count - 1];
  elf->base = elf->segments[0].address / page * page;
  // add_segment saw to it that this sum does not wrap.
  const uint64_t span = last->address + last->memory_size - elf->base;
  size_t size;
  if (span > (uint64_t)elf->file.size + IMAGE_SLACK ||
      !ee_align_size((size_t)span, (size_t)page, &size)) {
    return EE_FAIL(err, EERIE_RESOURCE_EXHAUSTED,
                   "kernel ELF: an image of %llu bytes from a file of %zu",
                   (unsigned long long)span, elf->file.size);
  }
  EE_TRY(ee_port_code_allocate(size, &elf->pages, err));
  elf->size = size;
  for (uint32_t i = 0; i < elf->segment_count; ++i) {
    const segment_t *segment = &elf->segments[i];
    memcpy(at(elf, segment->address), elf->file.data + (size_t)segment->file_offset,
           (size_t)segment->file_size);
  }
  return EERIE_OK;
}

static eerie_status_t read_dynamic(elf_t *elf, eerie_error_t *err) {
  const layout_t *layout = elf->layout;
  const uint8_t *p = range_at(elf, elf->dynamic.address, elf->dynamic.memory_size);
  if (!p) return damaged(err, "the dynamic segment is not part of the image");
  const uint64_t count = elf->dynamic.memory_size / (2u * layout->word);
  for (uint64_t i = 0; i < count; ++i, p += 2u * layout->word) {
    const uint64_t tag = load_word(layout, p);
    if (tag == DT_END) break;
    if (tag >= DT_COUNT) continue; // versions, hints, counts: nothing to act on
    elf->entries[tag] = load_word(layout, p + layout->word);
    elf->present[tag] = true;
  }
  if (elf->present[DT_NEEDED]) return damaged(err, "it needs another library");
  if (elf->entries[DT_INIT] || elf->entries[DT_INIT_ARRAYSZ]) {
    return damaged(err, "it has initialisers");
  }
  if (elf->present[DT_TEXTREL]) return damaged(err, "it relocates code");
  if (elf->present[DT_RELR]) return damaged(err, "packed relocations are not supported");
  return EERIE_OK;
}

// ---- Relocations -------------------------------------------------------------------------------

// One entry at `p`, with or without its addend.
static eerie_status_t relocate_one(const elf_t *elf, const uint8_t *p, bool has_addend,
                                   eerie_error_t *err) {
  const layout_t *layout = elf->layout;
  const uint64_t place = load_word(layout, p);
  const uint64_t info = load_word(layout, p + layout->word);
  const uint32_t type = layout->word == 8 ? (uint32_t)info : (uint32_t)(info & 0xFFu);
  if (type == 0) return EERIE_OK; // NONE on every machine
  if (type != elf->machine->relative) {
    return EE_FAIL(err, EERIE_INCOMPATIBLE,
                   "kernel ELF: relocation of type %u; only %s's RELATIVE "
                   "(%u) is supported",
                   type, elf->machine->name, elf->machine->relative);
  }
  const segment_t *segment = find_segment(elf, place, layout->word);
  if (!segment || !(segment->flags & FLAG_WRITE)) {
    return damaged(err, "a relocation outside of the writable data");
  }
  uint8_t *target = at(elf, place);
  const uint64_t addend = load_word(layout, has_addend ? p + 2u * layout->word : target);
  // One past the end of a segment is a legal address.
  if (addend < elf->base || addend - elf->base > elf->size) {
    return damaged(err, "a relocation points outside of the image");
  }
  const uintptr_t value = (uintptr_t)elf->pages + (uintptr_t)(addend - elf->base);
  memcpy(target, &value, sizeof value);
  return EERIE_OK;
}

static eerie_status_t relocate(const elf_t *elf, uint32_t table_tag, uint32_t size_tag,
                               bool has_addend, eerie_error_t *err) {
  const uint64_t size = elf->entries[size_tag];
  if (!elf->present[table_tag] || size == 0) return EERIE_OK;
  const uint64_t entry_size = (has_addend ? 3u : 2u) * elf->layout->word;
  const uint8_t *table = range_at(elf, elf->entries[table_tag], size);
  if (!table || size % entry_size) {
    return damaged(err, "a relocation table is not part of the image");
  }
  for (uint64_t i = 0; i < size; i += entry_size) {
    EE_TRY(relocate_one(elf, table + (size_t)i, has_addend, err));
  }
  return EERIE_OK;
}

static eerie_status_t relocate_all(const elf_t *elf, eerie_error_t *err) {
  const uint32_t word = elf->layout->word;
  if ((elf->present[DT_RELAENT] && elf->entries[DT_RELAENT] != 3u * word) ||
      (elf->present[DT_RELENT] && elf->entries[DT_RELENT] != 2u * word)) {
    return damaged(err, "relocations of an unknown size");
  }
  EE_TRY(relocate(elf, DT_RELA, DT_RELASZ, true, err));
  EE_TRY(relocate(elf, DT_REL, DT_RELSZ, false, err));
  return relocate(elf, DT_JMPREL, DT_PLTRELSZ, elf->entries[DT_PLTREL] == DT_RELA, err);
}

// ---- The export --------------------------------------------------------------------------------

// Whether the symbol at `p` is called `name`.
static bool symbol_is(const elf_t *elf, const uint8_t *p, const uint8_t *names, ee_str_t name) {
  const uint64_t offset = ee_load_u32(p);
  return ee_range_ok(offset, name.size + 1, elf->entries[DT_STRSZ]) &&
         memcmp(names + (size_t)offset, name.data, name.size) == 0 &&
         names[(size_t)offset + name.size] == 0;
}

// Walks all symbols: there are two or three, and no chain to follow can loop.
static eerie_status_t find_export(const elf_t *elf, ee_str_t name, uint8_t **out_address,
                                  eerie_error_t *err) {
  const layout_t *layout = elf->layout;
  const uint8_t *hash = range_at(elf, elf->entries[DT_HASH], 8);
  if (!elf->present[DT_HASH] || !hash) return damaged(err, "no symbol hash table");
  if (elf->present[DT_SYMENT] && elf->entries[DT_SYMENT] != layout->symbol_size) {
    return damaged(err, "symbols of an unknown size");
  }
  const uint64_t count = ee_load_u32(hash + 4); // chains: one for each symbol
  const uint8_t *symbols =
      range_at(elf, elf->entries[DT_SYMTAB], count * (uint64_t)layout->symbol_size);
  const uint8_t *names = range_at(elf, elf->entries[DT_STRTAB], elf->entries[DT_STRSZ]);
  if (!symbols || !names) return damaged(err, "the symbol table is not part of the image");
  for (uint64_t i = 0; i < count; ++i, symbols += layout->symbol_size) {
    if (!symbol_is(elf, symbols, names, name)) continue;
    const uint64_t value = load_word(layout, symbols + layout->symbol_value);
    const segment_t *segment = find_segment(elf, value, 1);
    if (ee_load_u16(symbols + layout->symbol_section) == 0 || !segment ||
        !(segment->flags & FLAG_EXECUTE)) {
      return damaged(err, "its export is not in the code");
    }
    *out_address = at(elf, value);
    return EERIE_OK;
  }
  return EE_FAIL(err, EERIE_INCOMPATIBLE, "kernel ELF: no export %.*s", EE_STR_ARG(name));
}

// ---- Protection --------------------------------------------------------------------------------

static eerie_status_t protect_range(const elf_t *elf, uint64_t begin, uint64_t end,
                                    ee_port_protection_t protection, eerie_error_t *err) {
  if (begin >= end) return EERIE_OK;
  return ee_port_code_protect(at(elf, begin), (size_t)(end - begin), protection, err);
}

static eerie_status_t protect(const elf_t *elf, eerie_error_t *err) {
  const uint64_t page = ee_port_page_size();
  for (uint32_t i = 0; i < elf->segment_count; ++i) {
    const segment_t *segment = &elf->segments[i];
    const uint64_t begin = segment->address / page * page;
    const uint64_t end = (segment->address + segment->memory_size + page - 1) / page * page;
    const ee_port_protection_t protection = segment->flags & FLAG_EXECUTE ? EE_PORT_READ_EXECUTE
                                            : segment->flags & FLAG_WRITE ? EE_PORT_READ_WRITE
                                                                          : EE_PORT_READ;
    EE_TRY(protect_range(elf, begin, end, protection, err));
  }
  if (!elf->has_relro || elf->relro.memory_size == 0) return EERIE_OK;
  const segment_t *data = find_segment(elf, elf->relro.address, elf->relro.memory_size);
  if (!data || !(data->flags & FLAG_WRITE)) {
    return damaged(err, "the read-only data after relocation is not part of the writable data");
  }
  // Only whole pages: what follows on the last one stays writable.
  return protect_range(elf, elf->relro.address / page * page,
                       (elf->relro.address + elf->relro.memory_size) / page * page, EE_PORT_READ,
                       err);
}

// ---- The loader --------------------------------------------------------------------------------

// Formats of modules for several levels of a CPU say what their kernels use,
// "embedded-elf+2-x86_64+avx2+fma", and where they stand among each other (compiler/targets.c).
static ee_str_t arch_name(ee_str_t arch) {
  const char *plus = arch.size ? memchr(arch.data, '+', arch.size) : NULL;
  return plus ? (ee_str_t){arch.data, (size_t)(plus - arch.data)} : arch;
}

// The first feature that this CPU lacks or that nobody knows, with its plus; empty: none.
static ee_str_t missing_feature(ee_str_t arch) {
  uint64_t features[8];
  ee_str_t at = arch_name(arch);
  const char *end = arch.data + arch.size;
  if (at.size < arch.size) ee_port_cpu_data(features);
  for (const char *name = at.data + at.size; name < end; name = at.data + at.size) {
    int64_t has = 0;
    at = arch_name((ee_str_t){name + 1, (size_t)(end - name) - 1});
    if (!ee_cpu_feature(features, at, &has) || !has) return (ee_str_t){name, at.size + 1};
  }
  return (ee_str_t){NULL, 0};
}

static bool elf_supports(ee_str_t arch) {
  const ee_elf_machine_t *machine = ee_elf_machine_by_arch(arch_name(arch));
  return machine && machine->native && missing_feature(arch).size == 0;
}

static eerie_status_t load_into(elf_t *elf, ee_str_t export, uint8_t **out_entry,
                                eerie_error_t *err) {
  EE_TRY(read_header(elf, err));
  EE_TRY(read_segments(elf, err));
  EE_TRY(copy_image(elf, err));
  EE_TRY(read_dynamic(elf, err));
  EE_TRY(relocate_all(elf, err));
  EE_TRY(find_export(elf, export, out_entry, err));
  return protect(elf, err);
}

eerie_status_t ee_elf_load(ee_bytes_t data, ee_str_t export, ee_elf_image_t *out_image,
                           eerie_error_t *err) {
  elf_t elf = {.file = data};
  const eerie_status_t status = load_into(&elf, export, &out_image->entry, err);
  if (status != EERIE_OK) {
    if (elf.pages) ee_port_code_free(elf.pages, elf.size);
    return status;
  }
  out_image->pages = elf.pages;
  out_image->size = elf.size;
  return EERIE_OK;
}

eerie_status_t ee_elf_check_machine(ee_bytes_t data, eerie_error_t *err) {
  elf_t elf = {.file = data};
  return read_header(&elf, err);
}

eerie_status_t ee_elf_check_arch(ee_str_t arch, eerie_error_t *err) {
  const ee_elf_machine_t *machine = ee_elf_machine_by_arch(arch_name(arch));
  if (!machine || !machine->native) return wrong_machine(machine, err);
  const ee_str_t feature = missing_feature(arch);
  if (feature.size == 0) return EERIE_OK;
  return EE_FAIL(err, EERIE_INCOMPATIBLE, "kernels that use %.*s, which this CPU does not have",
                 EE_STR_ARG(feature));
}

static eerie_status_t elf_load(ee_cpu_device_t *device, ee_str_t arch, ee_bytes_t data,
                               ee_object_t *data_owner, ee_cpu_image_t *out_image,
                               eerie_error_t *err) {
  ee_elf_image_t image;
  EE_TRY(ee_elf_check_arch(arch, err));
  if (data_owner && ee_cpu_image_find(device, data, out_image)) return EERIE_OK;
  EE_TRY(ee_elf_load(data, EE_STR(EE_CPU_LIBRARY_QUERY), &image, err));
  out_image->query = (ee_cpu_library_query_t)(uintptr_t)image.entry;
  out_image->pages = image.pages;
  out_image->size = image.size;
  if (!data_owner) return EERIE_OK;
  const eerie_status_t status = ee_cpu_image_share(device, data, data_owner, out_image, err);
  if (status != EERIE_OK) ee_port_code_free(image.pages, image.size);
  return status;
}

static void elf_unload(ee_cpu_device_t *device, ee_cpu_image_t *image) {
  if (image->shared) {
    ee_cpu_image_release(device, image);
  } else {
    ee_port_code_free(image->pages, image->size);
  }
}

// What stands behind the rank.
static ee_str_t level_arch(ee_str_t rest) {
  const char *dash = rest.size ? memchr(rest.data, '-', rest.size) : NULL;
  if (!dash) return (ee_str_t){NULL, 0};
  return (ee_str_t){dash + 1, rest.size - (size_t)(dash - rest.data) - 1};
}

static bool level_supports(ee_str_t rest) {
  return elf_supports(level_arch(rest));
}

static eerie_status_t level_load(ee_cpu_device_t *device, ee_str_t rest, ee_bytes_t data,
                                 ee_object_t *data_owner, ee_cpu_image_t *out_image,
                                 eerie_error_t *err) {
  return elf_load(device, level_arch(rest), data, data_owner, out_image, err);
}

const ee_cpu_loader_t ee_cpu_elf_level_loader = {"embedded-elf+", level_supports, level_load,
                                                 elf_unload};
const ee_cpu_loader_t ee_cpu_elf_loader = {"embedded-elf-", elf_supports, elf_load, elf_unload};
