// FLAGS: --iree-input-demote-f64-to-f32=false
// Functions that the host provides, on the level of tensors and on that of the virtual machine.

module @native {
  // Tensors.
  func.func private @host.lookup(%keys: tensor<?xi32>, %limit: i32) -> tensor<?xf32>
  func.func private @host.divide(tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.func private @host.pure(tensor<4xf32>) -> tensor<4xf32> attributes {nosideeffects}
  func.func private @host.same(tensor<?xf32>) -> tensor<?xf32>
  func.func private @host.matrix(tensor<2x?xf64>) -> tensor<f64>
  func.func private @host.nested(tensor<4xf32>) -> tensor<4xf32>
  func.func private @host.many(tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>,
                               i32, i64, f32, f64, i32, i64, f32, f64)
    -> (tensor<4xf32>, i64, f64, i32, f32, i64, tensor<4xf32>, f64)

  // Scalars, bytes, lists, fences.
  func.func private @host.small(i8, i16, i1, f64, i64) -> (i1, f32)
  func.func private @host.sink(%i: index, %v: f32)
  func.func private @host.tensor_sink(tensor<4xf32>)
  func.func private @host.next() -> i32
  func.func private @host.bytes(!util.buffer, !util.list<?>) -> !util.buffer
  func.func private @host.list(!util.list<?>) -> !util.list<?>
  func.func private @host.later() -> i32
  func.func private @host.poll() -> i32
  func.func private @host.start() -> i32

  // Objects that only the host looks into, in a module of a longer name.
  func.func private @host.string.create(!util.buffer) -> !custom.string
  func.func private @host.string.length(!custom.string) -> index attributes {
    vm.signature = (!vm.ref<!custom.string>) -> i64
  }
  func.func private @host.string.join(!custom.string, !custom.string) -> !custom.string
  func.func private @host.string.forward(!custom.string) -> !custom.string attributes {
    vm.fallback = @backward
  }
  func.func private @backward(%s: !custom.string) -> !custom.string {
    %r = call @host.string.join(%s, %s) : (!custom.string, !custom.string) -> !custom.string
    return %r : !custom.string
  }

  // What an initialiser gets from the host.
  util.global private @started : i32
  util.initializer {
    %n = func.call @host.start() : () -> i32
    util.global.store %n, @started : i32
    util.return
  }
  func.func @start_count() -> i32 {
    %n = util.global.load @started : i32
    return %n : i32
  }

  func.func @lookup(%keys: tensor<?xi32>, %limit: i32) -> tensor<?xf32> {
    %0 = call @host.lookup(%keys, %limit) : (tensor<?xi32>, i32) -> tensor<?xf32>
    %1 = arith.addf %0, %0 : tensor<?xf32>
    return %1 : tensor<?xf32>
  }
  func.func @divide(%a: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    %c = arith.addf %a, %b : tensor<4xf32>
    %0:2 = call @host.divide(%c, %b) : (tensor<4xf32>, tensor<4xf32>)
      -> (tensor<4xf32>, tensor<4xf32>)
    %1 = arith.mulf %0#0, %b : tensor<4xf32>
    return %1, %0#1 : tensor<4xf32>, tensor<4xf32>
  }
  func.func @pure(%a: tensor<4xf32>) -> tensor<4xf32> {
    %0 = call @host.pure(%a) : (tensor<4xf32>) -> tensor<4xf32>
    return %0 : tensor<4xf32>
  }
  func.func @same(%a: tensor<?xf32>) -> tensor<?xf32> {
    %0 = call @host.same(%a) : (tensor<?xf32>) -> tensor<?xf32>
    %1 = arith.addf %0, %a : tensor<?xf32>
    return %1 : tensor<?xf32>
  }
  func.func @matrix(%a: tensor<2x?xf64>) -> tensor<f64> {
    %0 = call @host.matrix(%a) : (tensor<2x?xf64>) -> tensor<f64>
    return %0 : tensor<f64>
  }
  func.func @nested(%a: tensor<4xf32>) -> tensor<4xf32> {
    %0 = call @host.nested(%a) : (tensor<4xf32>) -> tensor<4xf32>
    return %0 : tensor<4xf32>
  }
  func.func @many(%t: tensor<4xf32>, %i: i32, %l: i64, %f: f32, %d: f64)
      -> (tensor<4xf32>, i64, f64, i32, f32, i64, tensor<4xf32>, f64) {
    %u = arith.addf %t, %t : tensor<4xf32>
    %v = arith.addf %u, %t : tensor<4xf32>
    %w = arith.addf %v, %t : tensor<4xf32>
    %r:8 = call @host.many(%t, %u, %v, %w, %i, %l, %f, %d, %i, %l, %f, %d)
      : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>,
         i32, i64, f32, f64, i32, i64, f32, f64)
      -> (tensor<4xf32>, i64, f64, i32, f32, i64, tensor<4xf32>, f64)
    return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7
      : tensor<4xf32>, i64, f64, i32, f32, i64, tensor<4xf32>, f64
  }

  func.func @small(%a: i8, %b: i16, %c: i1, %d: f64, %e: i64) -> (i1, f32) {
    %r:2 = call @host.small(%a, %b, %c, %d, %e) : (i8, i16, i1, f64, i64) -> (i1, f32)
    return %r#0, %r#1 : i1, f32
  }
  // Squares of 0 ... n-1, one at a time.
  func.func @stream(%n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    scf.for %i = %c0 to %n step %c1 {
      %j = arith.index_cast %i : index to i32
      %f = arith.sitofp %j : i32 to f32
      %s = arith.mulf %f, %f : f32
      func.call @host.sink(%i, %s) : (index, f32) -> ()
    }
    return
  }
  // x, 2x, 4x, ..., n tensors.
  func.func @stream_tensors(%x: tensor<4xf32>, %n: index) -> tensor<4xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %r = scf.for %i = %c0 to %n step %c1 iter_args(%v = %x) -> tensor<4xf32> {
      func.call @host.tensor_sink(%v) : (tensor<4xf32>) -> ()
      %w = arith.addf %v, %v : tensor<4xf32>
      scf.yield %w : tensor<4xf32>
    }
    return %r : tensor<4xf32>
  }
  // The sum of what the host gives until it gives something negative.
  func.func @drain() -> i32 {
    %c0 = arith.constant 0 : i32
    %r = scf.while (%sum = %c0) : (i32) -> i32 {
      %n = func.call @host.next() : () -> i32
      %go = arith.cmpi sge, %n, %c0 : i32
      %next = arith.addi %sum, %n : i32
      %kept = arith.select %go, %next, %sum : i32
      scf.condition(%go) %kept : i32
    } do {
    ^bb0(%sum: i32):
      scf.yield %sum : i32
    }
    return %r : i32
  }
  func.func @bytes(%b: !util.buffer, %l: !util.list<?>) -> !util.buffer {
    %0 = call @host.bytes(%b, %l) : (!util.buffer, !util.list<?>) -> !util.buffer
    return %0 : !util.buffer
  }
  func.func @list(%l: !util.list<?>) -> !util.list<?> {
    %0 = call @host.list(%l) : (!util.list<?>) -> !util.list<?>
    return %0 : !util.list<?>
  }
  func.func @later() -> i32 {
    %0 = call @host.later() : () -> i32
    %1 = arith.addi %0, %0 : i32
    return %1 : i32
  }
  func.func @poll() -> i32 {
    %0 = call @host.poll() : () -> i32
    return %0 : i32
  }

  func.func @length_of(%b: !util.buffer) -> index {
    %s = call @host.string.create(%b) : (!util.buffer) -> !custom.string
    %t = call @host.string.forward(%s) : (!custom.string) -> !custom.string
    %n = call @host.string.length(%t) : (!custom.string) -> index
    return %n : index
  }
  func.func @make(%b: !util.buffer) -> !custom.string {
    %s = call @host.string.create(%b) : (!util.buffer) -> !custom.string
    return %s : !custom.string
  }
  func.func @join(%s: !custom.string, %t: !custom.string) -> (!custom.string, index) {
    %r = call @host.string.join(%s, %t) : (!custom.string, !custom.string) -> !custom.string
    %n = call @host.string.length(%r) : (!custom.string) -> index
    return %r, %n : !custom.string, index
  }
}
