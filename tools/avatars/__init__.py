"""The painter of the avatars: heads of nobody, modelled as height fields, lit and coloured by programs.

`people` says who there is, `portrait` paints one; the others each know one thing: `anatomy` where features lie,
`sculpting` the relief, `skin`, `eyes`, `hair`, `clothing` what is on it, `lighting` how light falls.
"""
