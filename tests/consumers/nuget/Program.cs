// Consumer FILE.jpg: decodes an image with the package's native library, embeds a caption with its built-in encoder, trains a step.
using XClr.Data;
using XClr.Gpu;
using XClr.Text;
using XClr.Train;

using var device = GpuDevice.Open();
using var text = CaptionEmbedder.Open(CaptionEmbedder.Default);
var embeddings = new float[2 * text.Dimension];
text.Embed(["a photo of a dog", "a photo of a boat"], embeddings);
var config = TrainConfig.FromText("""{"arch":"resnet18","stem":"small","width":0.125,"image-size":32,"batch-size":2,"steps":2,"loss":"xclr"}""", "the consumer's configuration");
using var trainer = new HostTrainer(device, config, text.Dimension, Console.Error.WriteLine);
using var image = ImageDecoder.Decode(File.ReadAllBytes(args[0]), new DecodeOptions { MaxBytes = trainer.ImageBytes });
var loss = trainer.Step([image, image], embeddings, null);
Console.WriteLine($"{device.Caps.Name}: image {image.Width}x{image.Height}, loss {loss}");
