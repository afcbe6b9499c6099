// A matrix operation for each element-wise function of vmvx that the compiler emits.
func.func @floats(%a: tensor<5x7xf32>, %b: tensor<5x7xf32>) -> (tensor<5x7xf32>, tensor<5x7xf32>) {
  %0 = arith.addf %a, %b : tensor<5x7xf32>
  %1 = arith.mulf %0, %b : tensor<5x7xf32>
  %2 = arith.subf %1, %a : tensor<5x7xf32>
  %3 = arith.divf %2, %b : tensor<5x7xf32>
  %4 = math.absf %3 : tensor<5x7xf32>
  %5 = math.log %4 : tensor<5x7xf32>
  %6 = math.exp %a : tensor<5x7xf32>
  %7 = math.floor %5 : tensor<5x7xf32>
  %8 = math.ceil %6 : tensor<5x7xf32>
  %9 = math.rsqrt %4 : tensor<5x7xf32>
  %10 = arith.negf %9 : tensor<5x7xf32>
  %11 = arith.addf %7, %8 : tensor<5x7xf32>
  %12 = arith.addf %10, %6 : tensor<5x7xf32>
  return %11, %12 : tensor<5x7xf32>, tensor<5x7xf32>
}

func.func @integers(%a: tensor<4x6xi32>, %b: tensor<4x6xi32>)
    -> (tensor<4x6xi32>, tensor<4x6xi32>) {
  %five = arith.constant dense<5> : tensor<4x6xi32>
  %one = arith.constant dense<1> : tensor<4x6xi32>
  %0 = arith.addi %a, %b : tensor<4x6xi32>
  %1 = arith.muli %0, %b : tensor<4x6xi32>
  %2 = arith.subi %1, %a : tensor<4x6xi32>
  %3 = arith.andi %2, %five : tensor<4x6xi32>
  %4 = arith.shli %a, %3 : tensor<4x6xi32>
  %5 = arith.shrsi %2, %3 : tensor<4x6xi32>
  %6 = arith.shrui %2, %3 : tensor<4x6xi32>
  %7 = arith.ori %b, %one : tensor<4x6xi32>
  %8 = arith.divsi %2, %7 : tensor<4x6xi32>
  %9 = arith.divui %2, %7 : tensor<4x6xi32>
  %10 = arith.xori %4, %5 : tensor<4x6xi32>
  %11 = math.ctlz %6 : tensor<4x6xi32>
  %12 = arith.addi %8, %9 : tensor<4x6xi32>
  %13 = arith.xori %10, %11 : tensor<4x6xi32>
  return %12, %13 : tensor<4x6xi32>, tensor<4x6xi32>
}

func.func @dynamic(%a: tensor<?x?xf32>, %b: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = arith.divf %a, %b : tensor<?x?xf32>
  %1 = arith.subf %0, %b : tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
}
