{
  // Fills in the configuration's values. With an empty selector, the braces or the comma that it leaves behind go too.
  // An expression of several lines keeps its last line break, so that YAML shows it as a block.
  promql(template, config)::
    local filled = template % config;
    std.strReplace(std.strReplace(filled, ',}', '}'), '{}', ''),
}
