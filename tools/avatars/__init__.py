"""The painter of the avatars: heads of nobody, modelled as height fields, lit and coloured by programs.

`people` lists who there is and `portrait` paints one, with `anatomy` for where features lie, `sculpting` for the
relief, `skin`, `eyes`, `hair` and `clothing` for what is on it, `lighting` for lamps and shadows.
"""
