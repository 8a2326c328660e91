"""Whether a network can learn a few images by heart, in no more epochs than it takes."""

import keras


def learned_by_heart(model, images, labels, accuracy, epochs, times=3):
    """Train until the accuracy is reached in so many epochs in succession, at most for `epochs`: whether it was."""
    reached = []

    def look(epoch, logs):
        reached.append(logs["accuracy"] >= accuracy)
        model.stop_training = len(reached) >= times and all(reached[-times:])

    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=look)]
    model.fit(images, labels, epochs=epochs, batch_size=len(images), verbose=0, callbacks=callbacks)
    return model.stop_training
