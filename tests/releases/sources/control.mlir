// What runs between kernels: a loop whose end a kernel decides, a choice, scalars, an assertion.
func.func @double_until(%x: tensor<4xf32>, %limit: f32) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %r = scf.while (%v = %x) : (tensor<4xf32>) -> tensor<4xf32> {
    %s = tensor.extract %v[%c0] : tensor<4xf32>
    %go = arith.cmpf olt, %s, %limit : f32
    scf.condition(%go) %v : tensor<4xf32>
  } do {
  ^bb0(%v: tensor<4xf32>):
    %w = arith.addf %v, %v : tensor<4xf32>
    scf.yield %w : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

func.func @sum_to(%n: i64) -> i64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i64
  %end = arith.index_cast %n : i64 to index
  %r = scf.for %i = %c0 to %end step %c1 iter_args(%s = %zero) -> i64 {
    %v = arith.index_cast %i : index to i64
    %t = arith.addi %s, %v : i64
    scf.yield %t : i64
  }
  return %r : i64
}

func.func @checked_divide(%a: i32, %b: i32) -> i32 {
  %c0 = arith.constant 0 : i32
  %fine = arith.cmpi ne, %b, %c0 : i32
  cf.assert %fine, "the divisor is zero"
  %r = arith.divsi %a, %b : i32
  return %r : i32
}
