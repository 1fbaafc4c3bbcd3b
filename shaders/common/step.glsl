// The step's variables, as StepVariables of XClr.Nn/Optim lays them out; the includer declares `step_words` as a uint array.
float step_learning_rate() { return uintBitsToFloat(step_words[0]); }
float step_loss_scale() { return uintBitsToFloat(step_words[1]); }
float step_clip_norm() { return uintBitsToFloat(step_words[2]); }
