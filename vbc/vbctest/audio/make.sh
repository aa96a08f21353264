#!/bin/sh
# Makes speech.mp3 as a telephone system would: 8 kHz mono, MPEG-2.5 layer III,
# constant 16 kbit/s, no tags, frames that don't borrow bits from each other.
# Needs espeak-ng, sox and lame.
set -e
cd "$(dirname "$0")"
espeak-ng -v en -s 150 --stdout "This is a simulated call recording. Nobody was called, and nobody is listening. \
Thank you for calling the example company. All of our agents are simulated too. \
Your recording is important to us, which is why it is kept in two places until one of them has been proven." |
	sox -t wav - -r 8000 -c 1 -b 16 -t wav - |
	lame --quiet -t --nores -m m -b 16 --cbr --resample 8 - speech.mp3
