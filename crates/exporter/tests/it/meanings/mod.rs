/// Certificates in files.
mod certificates;
/// `dialog`: profiles and states.
mod dialogs;
/// `dispatcher`: destinations, sets, overload control.
mod dispatcher;
/// Values from the kernel, of the processes and sockets that replies list.
mod kernel;
/// States that replies print as flags, words or numbers.
mod states;
/// Numbers and texts whose form or method differs between versions, or that mean "no value".
mod values;
