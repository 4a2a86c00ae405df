"""From speech to the motion of a mouth: speech -> network -> shaping -> style.

- `basis`: the motion space, K coefficients <-> displacements of mesh points;
- `network`: log-mel -> coefficients, voice activity and lip closure, 50 frames a second (`weights/`);
- `phonetics`, `coarticulation`, `phone_driven`: the same from phones with times, in the network's stead or beside it;
- `shaping`: predictions -> stillness, range and closure of a speaking mouth;
- `motion_track`: `MotionTrack`, motion that is there already, and `MotionPlayer`, which plays it in a network's stead;
- `blendshapes`: mouth motion -> ARKit's 52 coefficients;
- `stream`: `MotionStream`, all of these over speech that comes in chunks;
- `style`: the speaker's own amplitude and rest.
"""
