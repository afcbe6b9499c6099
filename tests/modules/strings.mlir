// Host bytes and lists: what tokenizers and lookup tables in modules are made of.

util.func public @size(%b: !util.buffer) -> index {
  %n = util.buffer.size %b : !util.buffer
  util.return %n : index
}
util.func public @hello() -> !util.buffer {
  %b = util.buffer.constant "hello" : !util.buffer = "Grüße, world"
  util.return %b : !util.buffer
}
util.func public @echo(%b: !util.buffer) -> !util.buffer {
  util.return %b : !util.buffer
}
util.func public @sum_bytes(%b: !util.buffer) -> i32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i32
  %n = util.buffer.size %b : !util.buffer
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero) -> i32 {
    %v = util.buffer.load %b[%i for %c1] : !util.buffer{%n} -> i8
    %w = arith.extui %v : i8 to i32
    %t = arith.addi %s, %w : i32
    scf.yield %t : i32
  }
  util.return %r : i32
}
util.func public @reverse(%b: !util.buffer) -> !util.buffer {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = util.buffer.size %b : !util.buffer
  %last = arith.subi %n, %c1 : index
  %r = util.buffer.alloc uninitialized : !util.buffer{%n}
  scf.for %i = %c0 to %n step %c1 {
    %v = util.buffer.load %b[%i for %c1] : !util.buffer{%n} -> i8
    %j = arith.subi %last, %i : index
    util.buffer.store %v, %r[%j for %c1] : i8 -> !util.buffer{%n}
  }
  util.return %r : !util.buffer
}
util.func public @concat(%a: !util.buffer, %b: !util.buffer) -> !util.buffer {
  %c0 = arith.constant 0 : index
  %m = util.buffer.size %a : !util.buffer
  %n = util.buffer.size %b : !util.buffer
  %t = arith.addi %m, %n : index
  %r = util.buffer.alloc uninitialized : !util.buffer{%t}
  util.buffer.copy %a[%c0], %r[%c0], %m : !util.buffer{%m} -> !util.buffer{%t}
  util.buffer.copy %b[%c0], %r[%m], %n : !util.buffer{%n} -> !util.buffer{%t}
  util.return %r : !util.buffer
}
util.func public @equal(%a: !util.buffer, %b: !util.buffer) -> i1 {
  %c0 = arith.constant 0 : index
  %m = util.buffer.size %a : !util.buffer
  %n = util.buffer.size %b : !util.buffer
  %same = arith.cmpi eq, %m, %n : index
  %no = arith.constant false
  %r = scf.if %same -> i1 {
    %eq = util.buffer.compare %a[%c0], %b[%c0], %m : !util.buffer{%m}, !util.buffer{%n}
    scf.yield %eq : i1
  } else {
    scf.yield %no : i1
  }
  util.return %r : i1
}
util.func public @fill_words(%n: index, %v: i32) -> !util.buffer {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %bytes = arith.muli %n, %c4 : index
  %r = util.buffer.alloc uninitialized : !util.buffer{%bytes}
  util.buffer.fill %v, %r[%c0 for %bytes] : i32 -> !util.buffer{%bytes}
  util.return %r : !util.buffer
}
// Reads past the end of its argument unless that has eight bytes from offset on.
util.func public @load_i64(%b: !util.buffer, %offset: index) -> i64 {
  %c8 = arith.constant 8 : index
  %n = util.buffer.size %b : !util.buffer
  %v = util.buffer.load %b[%offset for %c8] : !util.buffer{%n} -> i64
  util.return %v : i64
}
util.func public @types(%b: !util.buffer) -> (i32, i32, i64, f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %n = util.buffer.size %b : !util.buffer
  %a8 = util.buffer.load %b[%c0 for %c1] : !util.buffer{%n} -> i8
  %a16 = util.buffer.load %b[%c2 for %c2] : !util.buffer{%n} -> i16
  %a64 = util.buffer.load %b[%c8 for %c8] : !util.buffer{%n} -> i64
  %f = util.buffer.load %b[%c4 for %c4] : !util.buffer{%n} -> f32
  %w8 = arith.extsi %a8 : i8 to i32
  %w16 = arith.extui %a16 : i16 to i32
  util.return %w8, %w16, %a64, %f : i32, i32, i64, f32
}

util.func public @list_size(%l: !util.list<?>) -> index {
  %n = util.list.size %l : !util.list<?>
  util.return %n : index
}
util.func public @list_echo(%l: !util.list<?>) -> !util.list<?> {
  util.return %l : !util.list<?>
}
util.func public @list_of_i32(%n: index) -> !util.list<i32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %l = util.list.create %n : !util.list<i32>
  util.list.resize %l, %n : !util.list<i32>
  scf.for %i = %c0 to %n step %c1 {
    %v = arith.index_cast %i : index to i32
    %w = arith.muli %v, %v : i32
    util.list.set %l[%i], %w : !util.list<i32>
  }
  util.return %l : !util.list<i32>
}
util.func public @list_get_i32(%l: !util.list<?>, %i: index) -> i32 {
  %v = util.list.get %l[%i] : !util.list<?> -> i32
  util.return %v : i32
}
util.func public @list_get_buffer(%l: !util.list<?>, %i: index) -> !util.buffer {
  %v = util.list.get %l[%i] : !util.list<?> -> !util.buffer
  util.return %v : !util.buffer
}
util.func public @list_mixed(%b: !util.buffer) -> !util.list<?> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %seven = arith.constant 7 : i32
  %wide = arith.constant 123456789012345 : i64
  %pi = arith.constant 3.25 : f32
  %l = util.list.create %c4 : !util.list<?>
  util.list.resize %l, %c4 : !util.list<?>
  util.list.set %l[%c0], %seven : i32 -> !util.list<?>
  util.list.set %l[%c1], %wide : i64 -> !util.list<?>
  util.list.set %l[%c2], %pi : f32 -> !util.list<?>
  util.list.set %l[%c3], %b : !util.buffer -> !util.list<?>
  util.return %l : !util.list<?>
}
util.func public @list_nested() -> !util.list<?> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %nine = arith.constant 9 : i32
  %in = util.list.create %c1 : !util.list<?>
  util.list.resize %in, %c1 : !util.list<?>
  util.list.set %in[%c0], %nine : i32 -> !util.list<?>
  %l = util.list.create %c1 : !util.list<?>
  util.list.resize %l, %c1 : !util.list<?>
  util.list.set %l[%c0], %in : !util.list<?> -> !util.list<?>
  util.return %l : !util.list<?>
}
