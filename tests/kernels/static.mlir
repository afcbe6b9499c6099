// Kernels that travel with a module, beside it, or are linked into the program.
func.func @mul(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %0 = arith.mulf %a, %b : tensor<?xf32>
  return %0 : tensor<?xf32>
}

func.func @functions(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %0 = math.tanh %a : tensor<?xf32>
  %1 = math.exp %0 : tensor<?xf32>
  %2 = math.atan2 %1, %b : tensor<?xf32>
  return %2 : tensor<?xf32>
}

func.func @product(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %c16 = arith.constant 16 : index
  %c4 = arith.constant 4 : index
  %a2 = flow.tensor.reshape %a : tensor<?xf32>{%c16} -> tensor<4x4xf32>
  %b2 = flow.tensor.reshape %b : tensor<?xf32>{%c16} -> tensor<4x4xf32>
  %e = tensor.empty() : tensor<4x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %p = linalg.matmul ins(%a2, %b2 : tensor<4x4xf32>, tensor<4x4xf32>)
      outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  %r = flow.tensor.reshape %p : tensor<4x4xf32> -> tensor<?xf32>{%c16}
  return %r : tensor<?xf32>
}
