// Loops, branches, calls and recursion, on scalars and on what tensors hold.

func.func @collatz(%n: i64) -> i32 {
  %c0 = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %c1 = arith.constant 1 : i64
  %c2 = arith.constant 2 : i64
  %c3 = arith.constant 3 : i64
  %c0_64 = arith.constant 0 : i64
  %r:2 = scf.while (%x = %n, %steps = %c0) : (i64, i32) -> (i64, i32) {
    %go = arith.cmpi sgt, %x, %c1 : i64
    scf.condition(%go) %x, %steps : i64, i32
  } do {
  ^bb0(%x: i64, %steps: i32):
    %rest = arith.remui %x, %c2 : i64
    %even = arith.cmpi eq, %rest, %c0_64 : i64
    %next = scf.if %even -> i64 {
      %half = arith.divui %x, %c2 : i64
      scf.yield %half : i64
    } else {
      %triple = arith.muli %x, %c3 : i64
      %up = arith.addi %triple, %c1 : i64
      scf.yield %up : i64
    }
    %more = arith.addi %steps, %one : i32
    scf.yield %next, %more : i64, i32
  }
  return %r#1 : i32
}

func.func @sum_to(%n: index) -> i64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i64
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero) -> i64 {
    %v = arith.index_cast %i : index to i64
    %t = arith.addi %s, %v : i64
    scf.yield %t : i64
  }
  return %r : i64
}

func.func @choose(%i: i32) -> i32 {
  %d = arith.constant -1 : i32
  %a = arith.constant 100 : i32
  %b = arith.constant 200 : i32
  %c = arith.constant 300 : i32
  cf.switch %i : i32, [
    default: ^done(%d : i32),
    0: ^done(%a : i32),
    1: ^done(%b : i32),
    2: ^done(%c : i32)
  ]
^done(%r: i32):
  return %r : i32
}

func.func @endless() -> i32 {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  cf.br ^loop(%c0 : i32)
^loop(%i: i32):
  %n = arith.addi %i, %c1 : i32
  %never = arith.cmpi eq, %n, %i : i32
  cf.cond_br %never, ^out(%n : i32), ^loop(%n : i32)
^out(%r: i32):
  return %r : i32
}

// Doubles a vector until its sum passes a limit: the loop's condition comes from a kernel.
func.func @double_until(%x: tensor<4xf32>, %limit: f32) -> (tensor<4xf32>, i32) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %init = tensor.empty() : tensor<f32>
  %empty = tensor.empty() : tensor<4xf32>
  %r:2 = scf.while (%v = %x, %n = %c0) : (tensor<4xf32>, i32) -> (tensor<4xf32>, i32) {
    %filled = linalg.fill ins(%zero : f32) outs(%init : tensor<f32>) -> tensor<f32>
    %sum = linalg.generic {
      indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]
    } ins(%v : tensor<4xf32>) outs(%filled : tensor<f32>) {
    ^bb0(%a: f32, %s: f32):
      %t = arith.addf %a, %s : f32
      linalg.yield %t : f32
    } -> tensor<f32>
    %s = tensor.extract %sum[] : tensor<f32>
    %go = arith.cmpf olt, %s, %limit : f32
    scf.condition(%go) %v, %n : tensor<4xf32>, i32
  } do {
  ^bb0(%v: tensor<4xf32>, %n: i32):
    %w = arith.addf %v, %v : tensor<4xf32>
    %m = arith.addi %n, %c1 : i32
    scf.yield %w, %m : tensor<4xf32>, i32
  }
  return %r#0, %r#1 : tensor<4xf32>, i32
}

// Negates a vector if its first element says so.
func.func @negate_if(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %first = tensor.extract %x[%c0] : tensor<4xf32>
  %negative = arith.cmpf olt, %first, %zero : f32
  %r = scf.if %negative -> tensor<4xf32> {
    %n = arith.negf %x : tensor<4xf32>
    scf.yield %n : tensor<4xf32>
  } else {
    scf.yield %x : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

func.func @checked_divide(%a: i32, %b: i32) -> i32 {
  %c0 = arith.constant 0 : i32
  %fine = arith.cmpi ne, %b, %c0 : i32
  cf.assert %fine, "division by zero refused by the model"
  %r = arith.divsi %a, %b : i32
  return %r : i32
}

func.func @tensor_assert(%x: tensor<4xi32>) -> tensor<4xi32> {
  %c2 = arith.constant 2 : index
  %c7 = arith.constant 7 : i32
  %v = tensor.extract %x[%c2] : tensor<4xi32>
  %fine = arith.cmpi slt, %v, %c7 : i32
  cf.assert %fine, "element 2 must be below 7"
  %r = arith.addi %x, %x : tensor<4xi32>
  return %r : tensor<4xi32>
}
