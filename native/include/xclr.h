/*
 * xclr.h: XClr.Vulkan as a library. Image and caption embeddings, and training steps, on a Vulkan device of its own or on the host's.
 *
 * Plain C11. Functions return an xclr_status; after a failure xclr_last_error() has the message, in the command line's words.
 *
 * Ownership   Handles are numbers, never pointers. A destroyed handle is refused, and its number is never given again. A context's encoders and trainers end with it.
 *             Memory that the host passes in is read or written during the call only; strings are UTF-8 and end with a zero byte.
 * Threads     Only one thread at a time may be in calls on a context, its encoders and its trainers; a second one gets XCLR_ERROR_BUSY and its call does nothing. Contexts are independent of each other.
 * Vulkan      On a shared device (xclr_shared_device) nothing is submitted outside calls that are marked "submits"; during those the host must not use the queue.
 * Unloading   The library cannot be unloaded (dlclose does nothing useful): the .NET runtime inside it stays until the process ends.
 */
#ifndef XCLR_H
#define XCLR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this file. A library serves one version: compare with xclr_abi_version() before anything else. */
#define XCLR_ABI_VERSION 1u

typedef int32_t xclr_status;
enum {
  XCLR_OK = 0,
  XCLR_ERROR_UNEXPECTED = 1, /* a bug in the library: please report the message */
  XCLR_ERROR_ARGUMENT = 2,   /* an argument or a configuration that makes no sense */
  XCLR_ERROR_DATA = 3,       /* a file that is missing, damaged or of another network */
  XCLR_ERROR_DEVICE = 4,     /* the driver refuses, the device is lost, out of memory, or it lacks something */
  XCLR_ERROR_DIVERGED = 5,   /* a loss or gradient is not finite */
  XCLR_ERROR_HANDLE = 20,    /* a handle that is null, destroyed or of another kind */
  XCLR_ERROR_BUSY = 21       /* another thread is in a call on the same context */
};

typedef uint64_t xclr_context;
typedef uint64_t xclr_encoder;
typedef uint64_t xclr_trainer;
typedef uint64_t xclr_text;

/* XCLR_ABI_VERSION of the library. Any thread. */
uint32_t xclr_abi_version(void);

/* The message of this thread's latest call that failed; "" before the first. Valid until this thread's next failure. Any thread. */
const char *xclr_last_error(void);

enum { XCLR_LOG_INFO = 0, XCLR_LOG_WARNING = 1 };
/* Called during calls, on the caller's own thread; message is valid during the call. It must not call the library. */
typedef void (*xclr_log_function)(int32_t level, const char *message, void *user);

/*
 * A host's Vulkan objects. The host enabled them and goes on owning them; they must outlive the context. timelineSemaphore is required; features and extensions say what else was enabled, and nothing
 * else is used.
 */
typedef struct xclr_shared_device {
  uint32_t size;                    /* sizeof(xclr_shared_device) */
  uint32_t queue_family;            /* of queue; it must run compute shaders */
  void *instance;                   /* VkInstance, of Vulkan 1.2 or later */
  void *physical_device;            /* VkPhysicalDevice */
  void *device;                     /* VkDevice */
  void *queue;                      /* VkQueue */
  void *get_instance_proc_addr;     /* PFN_vkGetInstanceProcAddr; NULL: the loader's (libvulkan.so.1) */
  const void *features;             /* the VkPhysicalDeviceFeatures2 with its chain that vkCreateDevice was given */
  const char *const *extensions;    /* names of the device extensions that were enabled */
  uint32_t extension_count;
  uint32_t reserved;                /* 0 */
} xclr_shared_device;

typedef struct xclr_context_info {
  uint32_t size;                    /* sizeof(xclr_context_info) */
  uint32_t validation;              /* own device: 0 off, 1 core, 2 with synchronization; messages are then an error of xclr_destroy */
  const char *device;               /* own device: index, UUID or part of its name; NULL: XCLR_DEVICE, else the best one */
  uint64_t memory_limit;            /* bytes of device memory that may be used; 0: all */
  const xclr_shared_device *shared; /* NULL: a device of its own */
  xclr_log_function log;            /* NULL: nothing is logged */
  void *log_user;                   /* given to log */
} xclr_context_info;

/* Opens a device. info may be NULL: the best device, nothing logged. Submits. */
xclr_status xclr_create(const xclr_context_info *info, xclr_context *out);

/* Ends a context with its encoders and trainers, whatever is returned; XCLR_ERROR_DEVICE reports validation messages. Waits for the device's work. */
xclr_status xclr_destroy(xclr_context context);

/* Name and driver of the device, cut to capacity bytes with the zero. */
xclr_status xclr_device_name(xclr_context context, char *name, size_t capacity);

/* ---- images to embeddings ---- */

/* An image in host memory: rows from the top, pixels of 3 (RGB) or 4 (RGBA, whose alpha is ignored) bytes. Any size from 1x1 on. */
typedef struct xclr_image {
  uint32_t size;                    /* sizeof(xclr_image) */
  uint32_t channels;                /* 3 or 4 */
  uint32_t width, height;           /* pixels */
  size_t row_pitch;                 /* bytes from one row to the next; 0: width * channels */
  const uint8_t *pixels;
} xclr_image;

typedef struct xclr_encoder_info {
  uint32_t size;                    /* sizeof(xclr_encoder_info), set by the caller */
  uint32_t batch;                   /* images per run of the network */
  uint32_t feature_width;           /* F */
  uint32_t projection_width;        /* P; 0: the checkpoint has no head */
  uint32_t image_size;              /* pixels: side of the square that the network sees */
  uint32_t reserved;                /* 0 */
} xclr_encoder_info;

/*
 * Loads a run folder, a step folder or a .safetensors file (torchvision's names) for inference with a batch of 1 or more images. Submits. Besides the network's own memory an encoder takes room for images of any size:
 * 128 MiB (44 megapixels), or a sixteenth of the device's memory where that is less; larger images are reduced first.
 */
xclr_status xclr_encoder_load(xclr_context context, const char *checkpoint, uint32_t batch, xclr_encoder *out);

xclr_status xclr_encoder_describe(xclr_encoder encoder, xclr_encoder_info *info);

/*
 * Embeds count images (any number; they run in batches): resized and cropped as `xclr eval` does it, running statistics. features receives count x F floats, projections count x P (L2-normalised; logits where the head is a
 * classifier). Either may be NULL. Equal to `xclr embed-images` to the bit for the same batch size. Submits, and waits.
 */
xclr_status xclr_embed(xclr_encoder encoder, const xclr_image *images, uint32_t count, float *features, float *projections);

/* Like xclr_embed, for image files (JPEG, PNG, WebP and the other formats of the command line), decoded and turned upright as the command line does it. The first file that cannot be read ends the call. Submits, and waits. */
xclr_status xclr_embed_files(xclr_encoder encoder, const char *const *paths, uint32_t count, float *features, float *projections);

/* Images in a VkBuffer of the host (usage TRANSFER_SRC): RGB8, one after another, height x row_pitch bytes each. */
typedef struct xclr_buffer_images {
  uint32_t size;                    /* sizeof(xclr_buffer_images) */
  uint32_t count;                   /* 1 to the encoder's batch */
  uint32_t width, height;           /* pixels */
  uint64_t buffer;                  /* VkBuffer */
  uint64_t offset;                  /* bytes to the first image */
  uint32_t row_pitch;               /* bytes from one row to the next; 0: 3 x width */
  uint32_t reserved;                /* 0 */
} xclr_buffer_images;

/*
 * Images that lie in VkImages of the host (usage SAMPLED), a VkImageView for each: VK_IMAGE_VIEW_TYPE_2D, colour aspect, one level, one layer (of an array image: a view for each layer). No sampler is needed: texels are
 * fetched by integer coordinates and taken as the bytes that they hold. So formats are those without a transfer function; for an image of an sRGB format make a view of its UNORM one (VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT).
 * Alpha is ignored. Any size from 1x1 on; those of more than 16 x S x S pixels (S: the image size) are reduced first.
 */
typedef struct xclr_image_views {
  uint32_t size;                    /* sizeof(xclr_image_views) */
  uint32_t count;                   /* 1 to the encoder's batch */
  uint32_t width, height;           /* pixels of each view that are taken, from the upper left; a view has at least these */
  const uint64_t *views;            /* count VkImageViews */
  uint32_t format;                  /* VkFormat of the views: R8G8B8A8_UNORM (37), B8G8R8A8_UNORM (44) or A8B8G8R8_UNORM_PACK32 (51) */
  uint32_t layout;                  /* VkImageLayout of the images when the commands run: SHADER_READ_ONLY_OPTIMAL (5) or GENERAL (1); it stays */
} xclr_image_views;

/* Where rows of floats go: a VkBuffer of the host (usage TRANSFER_DST), and bytes to the first row. */
typedef struct xclr_buffer_rows {
  uint64_t buffer, offset;
} xclr_buffer_rows;

/*
 * Records the embedding of images into command_buffer (a VkCommandBuffer of the shared device and queue family, being recorded, outside a render pass): count x F floats to features, count x P to projections (may be NULL).
 * Full memory barriers stand before and after, so the host needs none of its own. Submits nothing and waits for nothing. The encoder's memory is in use until the host's submit has ended: record again, or embed, only then;
 * for more than one in flight load more encoders. Equal to xclr_embed to the bit. XCLR_ERROR_ARGUMENT on a context with a device of its own, and where the images
 * take more bytes than the encoder has room for (the message says how many: batch x 48 x S x S, or 128 MiB where that is more, S being the image size).
 */
xclr_status xclr_record_embed(xclr_encoder encoder, void *command_buffer, const xclr_buffer_images *images, const xclr_buffer_rows *features, const xclr_buffer_rows *projections);

/*
 * Like xclr_record_embed, for images in VkImages; equal to xclr_embed to the bit for images of any size. The same barriers: memory barriers over all stages before and after, so whatever was recorded before has written the images, and what is recorded after may overwrite them; changes of
 * layout are the host's. Images, views and encoder are in use until the host's submit has ended. The command buffer may be submitted again until the encoder records again or is freed: then it is invalid.
 */
xclr_status xclr_record_embed_image(xclr_encoder encoder, void *command_buffer, const xclr_image_views *images, const xclr_buffer_rows *features, const xclr_buffer_rows *projections);

xclr_status xclr_encoder_free(xclr_encoder encoder);

/* ---- captions to embeddings ---- */

/* Opens a frozen sentence transformer: "static-minilm-128" (built in) or a directory with an ONNX model. ONNX Runtime (libonnxruntime.so beside this library) is loaded by the first call that needs an embedding or its width. No context is needed. */
xclr_status xclr_text_open(const char *encoder, xclr_text *out);

/* D, floats per embedding. */
xclr_status xclr_text_width(xclr_text text, uint32_t *width);

/* Embeds count captions: count x D floats, L2-normalised; a caption without a known word is all zeros. */
xclr_status xclr_text_embed(xclr_text text, const char *const *captions, uint32_t count, float *embeddings);

xclr_status xclr_text_free(xclr_text text);

/* ---- training ---- */

/*
 * Makes a network to train from a configuration: a JSON object with the command line's option names as keys ({"arch":"resnet18","batch-size":32,"loss":"xclr",...}; "recipe" names one); "steps", the length of the run, must be
 * among them, since the learning rate's schedule needs it. Options of data sets and of runs are ignored.
 * text_width: floats per caption embedding that steps will bring, for the losses xclr and clip; 0 for others. Submits.
 */
xclr_status xclr_trainer_create(xclr_context context, const char *config_json, uint32_t text_width, xclr_trainer *out);

/*
 * One optimiser step on batch-size images, each seen in two augmented views drawn from the seed and the step. embeddings: batch-size x text_width floats (xclr, clip), else NULL. labels: batch-size numbers (supcon), else NULL.
 * loss may be NULL. A loss that is not finite gives XCLR_ERROR_DIVERGED. Submits, and waits.
 */
xclr_status xclr_trainer_step(xclr_trainer trainer, const xclr_image *images, const float *embeddings, const uint32_t *labels, float *loss);

/* Begins a step that xclr_trainer_step_slice carries out; arguments as above, which are copied. Submits. */
xclr_status xclr_trainer_step_begin(xclr_trainer trainer, const xclr_image *images, const float *embeddings, const uint32_t *labels);

/*
 * Continues the begun step for about budget_microseconds of the device's time, so that a host trains within its frames: call it once a frame until done is 1, when loss (may be NULL) receives the loss. The result equals an unsliced
 * step's to the bit. The first sliced step runs every dispatch by itself and divides those that look long by an estimate; later ones are cut by the times of the steps before, again whenever the budget or the device's speed
 * changes (at a step's first slice, which then takes some of the host's time). A dispatch that takes longer than the budget is divided by its workgroups (vkCmdDispatchBase). Between slices the host may use the queue.
 * Submits, and waits.
 */
xclr_status xclr_trainer_step_slice(xclr_trainer trainer, uint32_t budget_microseconds, int32_t *done, float *loss);

typedef struct xclr_slice_options {
  uint32_t size;                    /* sizeof(xclr_slice_options) */
  uint32_t budget_microseconds;     /* 1 and more */
  uint64_t wait_semaphore;          /* VkSemaphore of the host's device, a timeline: the slice's work begins when it has wait_value; 0: at once */
  uint64_t wait_value;
  uint64_t signal_semaphore;        /* VkSemaphore, a timeline: takes signal_value when the slice's work has ended; 0: none */
  uint64_t signal_value;
} xclr_slice_options;

/*
 * xclr_trainer_step_slice between semaphores of the host, so that slices are ordered with the host's other queues. The call waits for its work, so whatever signals wait_semaphore must have been submitted before.
 * signal_semaphore is signalled whenever the slice was run, even if XCLR_ERROR_DIVERGED is returned. On a shared device only. Submits, and waits.
 */
xclr_status xclr_trainer_step_slice_with(xclr_trainer trainer, const xclr_slice_options *options, int32_t *done, float *loss);

/* Steps done so far. */
xclr_status xclr_trainer_steps(xclr_trainer trainer, uint64_t *steps);

/* Writes a checkpoint, FOLDER/checkpoints/step-NNNNNNNN, that the command line reads (`xclr eval --checkpoint FOLDER`, `train --resume`). Not between the slices of a step. Submits, and waits. */
xclr_status xclr_trainer_save(xclr_trainer trainer, const char *folder);

/* Continues from a checkpoint of the same network, written by this library or the command line. Not between the slices of a step. Submits, and waits. */
xclr_status xclr_trainer_load(xclr_trainer trainer, const char *checkpoint);

xclr_status xclr_trainer_free(xclr_trainer trainer);

#ifdef __cplusplus
}
#endif
#endif
