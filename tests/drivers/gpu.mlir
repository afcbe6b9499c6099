// What the tests of GPU drivers run: dispatches with and without constants, a reduction, transfers
// of the compiler's, and state.
util.global private mutable @total = dense<0.0> : tensor<8xf32>

func.func @multiply(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.mulf %a, %b : tensor<4xf32>
  return %0 : tensor<4xf32>
}

func.func @scale(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %0 = arith.mulf %a, %b : tensor<?xf32>
  return %0 : tensor<?xf32>
}

func.func @matmul(%a: tensor<8x16xf32>, %b: tensor<16x8xf32>) -> (tensor<8x8xf32>, tensor<8xf32>) {
  %zero = arith.constant 0.0 : f32
  %0 = tensor.empty() : tensor<8x8xf32>
  %1 = linalg.fill ins(%zero : f32) outs(%0 : tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = linalg.matmul ins(%a, %b : tensor<8x16xf32>, tensor<16x8xf32>)
    outs(%1 : tensor<8x8xf32>) -> tensor<8x8xf32>
  %3 = tensor.empty() : tensor<8xf32>
  %4 = linalg.fill ins(%zero : f32) outs(%3 : tensor<8xf32>) -> tensor<8xf32>
  %5 = linalg.reduce ins(%2 : tensor<8x8xf32>) outs(%4 : tensor<8xf32>) dimensions = [1]
    (%in: f32, %out: f32) {
      %6 = arith.addf %in, %out : f32
      linalg.yield %6 : f32
    }
  return %2, %5 : tensor<8x8xf32>, tensor<8xf32>
}

func.func @accumulate(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = util.global.load @total : tensor<8xf32>
  %1 = arith.addf %0, %x : tensor<8xf32>
  util.global.store %1, @total : tensor<8xf32>
  return %1 : tensor<8xf32>
}

func.func @count_above(%x: tensor<64xf32>, %bound: tensor<f32>) -> i32 {
  %zero = arith.constant 0 : i32
  %0 = tensor.empty() : tensor<i32>
  %1 = linalg.fill ins(%zero : i32) outs(%0 : tensor<i32>) -> tensor<i32>
  %b = tensor.extract %bound[] : tensor<f32>
  %2 = linalg.reduce ins(%x : tensor<64xf32>) outs(%1 : tensor<i32>) dimensions = [0]
    (%in: f32, %out: i32) {
      %3 = arith.cmpf ogt, %in, %b : f32
      %4 = arith.extui %3 : i1 to i32
      %5 = arith.addi %out, %4 : i32
      linalg.yield %5 : i32
    }
  %6 = tensor.extract %2[] : tensor<i32>
  return %6 : i32
}
