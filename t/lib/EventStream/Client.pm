# SPDX-License-Identifier: Apache-2.0
package EventStream::Client;

=head1 NAME

EventStream::Client - requests and event streams as a test sees them

=head1 SYNOPSIS

    use EventStream::Client;    # exports all functions below

    my $sse = subscribe($httpd, '/events/kitchen');
    is $sse->status, 200, 'the status is 200';
    like $sse->header('content-type'), qr{^text/event-stream}, 'it is a stream';
    is next_event($sse, 5)->{event}, 'stream-open', 'the stream opens';

    publish($httpd, 'news', 'hello');           # to /publish, as raw data
    is next_event($sse, 5)->{data}, 'hello', 'the event arrives';

=head1 FUNCTIONS

=over

=item request($where, $method, $path, %options)

Sends one request on a connection of its own and reads the answer to its end.
$where is an EventStream::Httpd or a port. Returns a hash reference: status (0
if there was no answer), reason, headers (names in lower case, several of a name
joined by ", "), body, head (as it arrived), proto, complete (false if the body
was cut). Options:

    headers => ['Name: value', ...]     body => '...'
    version => '1.0'    preset 1.1      timeout => 10
    length => 12        a Content-Length other than the body's
    raw    => '...'     these bytes instead of the request

=item get($where, $path, @headers)

The same as request($where, 'GET', $path, headers => [...]).

=item publish($where, $channel, $data, %options)

Publishes by POST to /publish (or path => ...). $data is the raw body; $channel
and the options event => , id => and retry => are in the query. With json => 1
all of them are a JSON body ($data may be a reference), with text => 1 the same
with "text" instead of "data". Returns what request returns, and json, the
decoded answer. Further option: headers => [...].

=item subscribe($where, $path, %options)

Returns a Client (below) whose head is read. Options:

    headers => [...]    version => '1.0'    method => 'GET'
    http2 => 1          with curl over h2 (h2c by prior knowledge, or TLS)
    tls => 1            to the TLS port, with curl
    curl => [...]       further arguments of curl
    url => 'https://...'    instead of the path, with curl
    rcvbuf => 4096      a small receive buffer, for slow clients
    segment => 1400     the size of TCP's segments; a small buffer must hold
                        several of them if it is to be filled steadily
    head => 0           do not wait for the head
    raw => '...'        send these bytes instead of a request
    timeout => 10       for the head
    host => '127.0.0.2' another loopback address to connect to
    from => '127.0.0.3' the address to connect from

=item next_event($client, $seconds), wait_for(\&condition, $seconds, $name)

wait_for returns the value of the condition once it is true, or the last one
when the time is over. With a name it is a test.

A time of 5 s or more is that of a wait for something that must come, here and
in all other functions and methods. How long that takes is no fact, and a busy
machine may take long, so it is waited for at least 15 s; not for so long that
what comes by a keep-alive only would pass. A shorter time is as it stands:
nothing may come in it.

=item curl(@arguments)

Runs curl -s -k with these arguments. Returns its exit status and its output.

=back

=head1 METHODS OF A CLIENT

=over

=item next_event($seconds)

The next event by the rules of the WHATWG: {event, data, id, retry, raw}. undef
if none arrived in time or the stream ended. event is 'message' for the default
type, id the id in the block or undef, retry that in the block or undef, raw the
text of the block. Comments and blocks without data lines are skipped;
comments() returns the comments so far, last_id the last id.

=item event_within($seconds)

The same, but within just this time: for what must not come.

=item events($count, $seconds)

A list of the events that arrive within the time, $count at most.

=item all_events($count, $seconds)

$count events, however long they take, and one more if it comes within so many
seconds after them.

=item skip_to($type, $seconds)

The next event of this type; others are dropped.

=item status, reason, header($name), headers, head, proto

=item read_head($seconds)

=item bytes

All bytes of the body so far, without chunk framing. wire returns the bytes as
they arrived. fill($seconds) reads once, waiting for bytes if there are none.

=item is_open, is_ended($seconds), is_cut, is_closed($seconds)

is_ended waits for the end and returns true if it was clean: the last chunk was
seen, or for an HTTP/1.0 body simply its end. is_cut: the end was not clean.
is_closed waits for the end of the connection and returns true if it was a
regular one: no reset, and over TLS a close_notify. is_ended is false if it is
not, once it was seen.

=item send($bytes), close, socket, pid

Raw access; pid is that of curl. A client reads only when the test calls it, so
it is as slow as the test wants; fill(0, $max_bytes) reads no more than that.

=back

=cut

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use JSON::PP ();
use Scalar::Util ();
use Socket qw(IPPROTO_TCP SOCK_STREAM SOL_SOCKET SO_RCVBUF TCP_MAXSEG
    getaddrinfo);
use Test::More ();
use Time::HiRes qw(sleep time);

use EventStream::Tls;

our @EXPORT = qw(curl get next_event publish request subscribe wait_for);

$SIG{PIPE} = 'IGNORE';

my %open;    # address => client (weak) whose connection is not closed

# httpd gives clients two seconds to close when it stops. At the end of a test
# nobody reads what it sends, so EventStream::Process asks for this.
sub close_all
{
    $_->close for grep { defined } values %open;
    return;
}

# ---- Functions -------------------------------------------------------------

# Until when a wait of so many seconds lasts.
sub deadline
{
    my ($seconds) = @_;
    return time + ($seconds >= 5 && $seconds < 15 ? 15 : $seconds);
}

sub port_of
{
    my ($where) = @_;
    return ref $where ? $where->port : $where;
}

sub request_bytes
{
    my ($method, $path, %opt) = @_;
    return $opt{raw} if defined $opt{raw};
    my $version = $opt{version} || '1.1';
    my @headers = @{$opt{headers} || []};
    unshift @headers, 'Host: localhost' if !grep { /^Host:/i } @headers;
    my $body = defined $opt{body} ? $opt{body} : '';
    if (defined $opt{body} || defined $opt{length}) {
        my $length = defined $opt{length} ? $opt{length} : length $body;
        push @headers, "Content-Length: $length"
            if !grep { /^(Content-Length|Transfer-Encoding):/i } @headers;
    }
    push @headers, 'Connection: close' if $opt{close};
    return join("\r\n", "$method $path HTTP/$version", @headers, '', $body);
}

sub request
{
    my ($where, $method, $path, %opt) = @_;
    my $timeout = $opt{timeout} || 10;
    my $client = __PACKAGE__->connect(port_of($where), %opt);
    $client->{method} = $method;
    $client->send(request_bytes($method, $path, close => 1, %opt));
    $client->read_head($timeout);
    my $complete = $client->status && $client->is_ended($timeout);
    return {
        status => $client->status, reason => $client->reason,
        headers => $client->headers, body => $client->bytes,
        head => $client->head, proto => $client->proto,
        complete => $complete ? 1 : 0,
    };
}

sub get
{
    my ($where, $path, @headers) = @_;
    return request($where, 'GET', $path, headers => \@headers);
}

sub escape
{
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;
    return $text;
}

sub publish
{
    my ($where, $channel, $data, %opt) = @_;
    my $path = $opt{path} || '/publish';
    my @headers = @{$opt{headers} || []};
    my ($body, $type);
    if ($opt{json} || $opt{text}) {
        my %event = ($opt{text} ? 'text' : 'data' => $data);
        $event{channel} = $channel if defined $channel;
        $event{$_} = $opt{$_} for grep { defined $opt{$_} } qw(event id retry);
        $body = JSON::PP->new->utf8->canonical->allow_nonref->encode(\%event);
        $type = 'application/json';
    } else {
        my %query = (channel => $channel, map { ($_ => $opt{$_}) }
            qw(event id retry));
        my $query = join '&', map { "$_=" . escape($query{$_}) }
            grep { defined $query{$_} } sort keys %query;
        $path .= ($path =~ /\?/ ? '&' : '?') . $query if $query ne '';
        $body = $data;
        $type = 'text/plain';
    }
    unshift @headers, "Content-Type: $type"
        if !grep { /^Content-Type:/i } @headers;
    my $answer = request(
        $where, $opt{method} || 'POST', $path, body => $body,
        headers => \@headers, timeout => $opt{timeout});
    $answer->{json} = eval { JSON::PP::decode_json($answer->{body}) };
    return $answer;
}

sub subscribe
{
    my ($where, $path, %opt) = @_;
    my $client;
    if ($opt{http2} || $opt{tls}) {
        $client = __PACKAGE__->connect_curl($where, $path, %opt);
    } else {
        $client = __PACKAGE__->connect(port_of($where), %opt);
        $client->{method} = $opt{method} || 'GET';
        $client->send(request_bytes($client->{method}, $path, %opt));
    }
    $client->read_head($opt{timeout} || 10)
        if !exists $opt{head} || $opt{head};
    return $client;
}

sub wait_for
{
    my ($condition, $seconds, $name) = @_;
    my $until = deadline($seconds);
    my $got;
    while (1) {
        $got = $condition->();
        last if $got || time >= $until;
        sleep 0.02;
    }
    if (defined $name) {
        local $Test::Builder::Level = $Test::Builder::Level + 1;
        Test::More::ok($got, $name);
    }
    return $got;
}

sub curl
{
    my (@arguments) = @_;
    open my $out, '-|', 'curl', '-s', '-k', @arguments or die "curl: $!";
    local $/;
    my $text = <$out>;
    CORE::close $out;
    return ($? >> 8, defined $text ? $text : '');
}

# ---- Connections -----------------------------------------------------------

sub new
{
    my ($class, %self) = @_;
    my $self = bless {
        wire => '', rest => '', body => '', parsed => 0, head => '',
        headers => {}, status => 0, reason => '', proto => '', comments => [],
        method => 'GET', %self
    }, $class;
    Scalar::Util::weaken($open{0 + $self} = $self) if $self->{socket};
    return $self;
}

sub connect
{
    my ($class, $port, %opt) = @_;
    my $host = $opt{host} || '127.0.0.1';
    my ($err, $to) = getaddrinfo($host, $port, {socktype => SOCK_STREAM});
    die "$host: $err" if $err;
    CORE::socket my $socket, $to->{family}, SOCK_STREAM, 0 or die "socket: $!";
    # before connecting: the window that TCP offers depends on it
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', $opt{rcvbuf}
        if $opt{rcvbuf};
    setsockopt $socket, IPPROTO_TCP, TCP_MAXSEG, pack 'i', $opt{segment}
        if $opt{segment};
    if ($opt{from}) {
        ($err, my $own) = getaddrinfo($opt{from}, 0,
            {family => $to->{family}, socktype => SOCK_STREAM});
        die "$opt{from}: $err" if $err;
        bind $socket, $own->{addr} or die "bind to $opt{from}: $!";
    }
    CORE::connect $socket, $to->{addr} or die "connect to $host:$port: $!";
    binmode $socket;
    return $class->new(socket => $socket, framing => 'http',
        tls => EventStream::Tls::listens_at($port));
}

# curl decodes TLS, HTTP/2 and chunks; its exit status shows if a stream was
# cut.
sub connect_curl
{
    my ($class, $where, $path, %opt) = @_;
    my @args = ('-s', '-k', '-N', '-i', '--no-buffer');
    push @args, $opt{http2} ? $opt{tls} || over_tls() ? '--http2'
        : '--http2-prior-knowledge' : '--http1.1';
    push @args, EventStream::Tls::curl_options() if !$opt{tls};
    push @args, map { ('-H', $_) } @{$opt{headers} || []};
    push @args, '-I' if ($opt{method} || '') eq 'HEAD';
    push @args, @{$opt{curl} || []};
    my $url = $opt{url}
        || ($opt{tls} ? $where->ssl_url($path) : $where->url($path));
    my $pid = open my $out, '-|', 'curl', @args, $url or die "curl: $!";
    binmode $out;
    return $class->new(socket => $out, framing => 'plain', pid => $pid);
}

sub socket { return $_[0]{socket} }
sub pid { return $_[0]{pid} }
sub status { return $_[0]{status} }
sub reason { return $_[0]{reason} }
sub proto { return $_[0]{proto} }
sub head { return $_[0]{head} }
sub headers { return $_[0]{headers} }
sub header { return $_[0]{headers}{lc $_[1]} }
sub bytes { return $_[0]{body} }
sub wire { return $_[0]{wire} }
sub comments { return @{$_[0]{comments}} }
sub last_id { return $_[0]{last_id} }
sub is_open { return !$_[0]{eof} && !$_[0]{ended} }
sub is_cut { return $_[0]{eof} && !$_[0]{ended} }

sub send
{
    my ($self, $bytes) = @_;
    while (length $bytes) {
        my $sent = syswrite $self->{socket}, $bytes;
        return 0 if !defined $sent;
        substr $bytes, 0, $sent, '';
    }
    return 1;
}

sub close
{
    my ($self) = @_;
    my $socket = delete $self->{socket} or return;
    delete $open{0 + $self};
    kill TERM => $self->{pid} if $self->{pid} && !$self->{eof};
    local ($?, $!);
    CORE::close $socket;    # waits for curl
    $self->{eof} = 1;
    return;
}

sub DESTROY
{
    my ($self) = @_;
    local ($?, $!, $@);
    $self->close;
    return;
}

# Reads once. Returns the number of bytes that arrived, 0 at the end or if
# nothing arrived within the time.
sub fill
{
    my ($self, $seconds, $max) = @_;
    return 0 if $self->{eof};
    return 0 if !IO::Select->new($self->{socket})->can_read($seconds);
    my $got = sysread $self->{socket}, my $bytes, $max || 65536;
    if (!$got) {
        $self->on_eof(defined $got);
        return 0;
    }
    $self->{wire} .= $bytes;
    $self->{rest} .= $bytes;
    $self->take_body if $self->{status};
    return $got;
}

# $regular: no reset, and over TLS after a close_notify.
sub on_eof
{
    my ($self, $regular) = @_;
    $self->{eof} = 1;
    $self->{regular} = $regular;
    my $framing = $self->{framing};
    if ($self->{pid}) {
        CORE::close delete $self->{socket};
        delete $open{0 + $self};
        $self->{ended} = $self->{status} && $? == 0;
    } elsif ($framing eq 'until-close') {
        $self->{ended} = $regular;
    }
    return;
}

sub read_head
{
    my ($self, $seconds) = @_;
    return $self->read_head_by(deadline(defined $seconds ? $seconds : 10));
}

sub read_head_by
{
    my ($self, $until) = @_;
    while ($self->{rest} !~ /\r?\n\r?\n/) {
        my $left = $until - time;
        return 0 if $left <= 0 || !$self->fill($left);
    }
    $self->{rest} =~ s/\A(.*?\r?\n)\r?\n//s;
    $self->{head} = $1;
    my ($first, @lines) = split /\r?\n/, $self->{head};
    ($self->{proto}, $self->{status}, $self->{reason}) =
        $first =~ m{^(HTTP/[\d.]+) (\d+) ?(.*)$} or return 0;
    # 100 Continue, or curl's answer to an upgrade: the final one follows
    if ($self->{status} < 200) {
        $self->{status} = 0;
        return $self->read_head_by($until);
    }
    my %headers;
    for my $line (@lines) {
        my ($name, $value) = $line =~ /^([^:]+):\s*(.*?)\s*$/ or next;
        $name = lc $name;
        $headers{$name} =
            exists $headers{$name} ? "$headers{$name}, $value" : $value;
    }
    $self->{headers} = \%headers;
    $self->choose_framing;
    $self->take_body;
    return 1;
}

sub choose_framing
{
    my ($self) = @_;
    return if $self->{framing} eq 'plain';
    my $headers = $self->{headers};
    if ($self->{method} eq 'HEAD' || $self->{status} =~ /^(204|304)$/) {
        $self->{framing} = 'none';
        $self->{ended} = 1;
    } elsif (($headers->{'transfer-encoding'} || '') =~ /chunked/i) {
        $self->{framing} = 'chunked';
    } elsif (defined $headers->{'content-length'}) {
        $self->{framing} = 'length';
    } else {
        $self->{framing} = 'until-close';
    }
    return;
}

# Moves body bytes out of the framing.
sub take_body
{
    my ($self) = @_;
    my $framing = $self->{framing};
    if ($framing eq 'chunked') {
        while (!$self->{ended}
            && $self->{rest} =~ /\A([0-9A-Fa-f]+)[^\r\n]*\r\n/) {
            my ($size, $skip) = (hex $1, $+[0]);
            if ($size == 0) {
                last if $self->{rest} !~ /\A[^\r]*\r\n(?:[^\r\n]+\r\n)*\r\n/;
                substr $self->{rest}, 0, $+[0], '';
                $self->{ended} = 1;
                last;
            }
            last if length $self->{rest} < $skip + $size + 2;
            $self->{body} .= substr $self->{rest}, $skip, $size;
            substr $self->{rest}, 0, $skip + $size + 2, '';
        }
        $self->{bad_framing} = 1
            if !$self->{ended} && $self->{rest} =~ /\A[^0-9A-Fa-f]/;
    } elsif ($framing ne 'none') {
        $self->{body} .= $self->{rest};
        $self->{rest} = '';
        $self->{ended} = 1 if $framing eq 'length'
            && length $self->{body} >= $self->{headers}{'content-length'};
    }
    return;
}

sub is_ended
{
    my ($self, $seconds) = @_;
    my $until = deadline(defined $seconds ? $seconds : 0);
    while (!$self->{eof} && !$self->{ended}) {
        my $left = $until - time;
        last if $left <= 0;
        $self->fill($left);
    }
    # the connection may stay for another request; if not, it ends as it must
    $self->fill(0) if $self->{tls} && $self->{ended};
    return 0 if $self->{tls} && $self->{eof} && !$self->{regular};
    return $self->{ended} ? 1 : 0;
}

sub is_closed
{
    my ($self, $seconds) = @_;
    my $until = deadline($seconds);
    while (!$self->{eof}) {
        my $left = $until - time;
        return 0 if $left <= 0;
        $self->fill($left);
    }
    return $self->{regular} ? 1 : 0;
}

# ---- Events ----------------------------------------------------------------

# The event of a block's lines; undef if it has no data.
sub parse_block
{
    my ($self, $block) = @_;
    my %event = (event => '', raw => $block);
    my @data;
    for my $line (split /\r\n|\n|\r/, $block) {
        if ($line =~ /^:/) {
            push @{$self->{comments}}, substr $line, 1;
            next;
        }
        my ($field, $value) = $line =~ /^([^:]*)(?:: ?(.*))?$/s;
        $value = '' if !defined $value;
        if ($field eq 'event') {
            $event{event} = $value;
        } elsif ($field eq 'data') {
            push @data, $value;
        } elsif ($field eq 'id' && $value !~ /\0/) {
            $event{id} = $self->{last_id} = $value;
        } elsif ($field eq 'retry' && $value =~ /^\d+$/) {
            $event{retry} = $self->{retry} = $value;
        }
    }
    return if !@data;
    $event{event} = 'message' if $event{event} eq '';
    $event{data} = join "\n", @data;
    return \%event;
}

sub buffered_event
{
    my ($self) = @_;
    pos($self->{body}) = $self->{parsed};
    # what is about the stream needs no blank line after it
    while ($self->{body} =~ /\G((?:(?:retry)?:[^\r\n]*)?)(?>\r\n|\n|\r(?=.))/gcs
        || $self->{body} =~ /\G(.*?(?>\r\n|\n|\r))(?>\r\n|\n|\r)/gcs) {
        my $block = $1;
        $self->{parsed} = pos $self->{body};
        my $event = $self->parse_block($block);
        return $event if $event;
    }
    return;
}

sub retry { return $_[0]{retry} }

sub next_event
{
    my ($self, $seconds) = @_;
    $seconds = 5 if !defined $seconds;
    return $self->event_by(deadline($seconds));
}

sub event_within
{
    my ($self, $seconds) = @_;
    return $self->event_by(time + $seconds);
}

sub event_by
{
    my ($self, $until) = @_;
    while (1) {
        my $event = $self->buffered_event;
        return $event if $event;
        my $left = $until - time;
        return if $left <= 0 || !$self->is_open;
        $self->fill($left);
    }
}

sub events
{
    my ($self, $count, $seconds) = @_;
    my $until = deadline(defined $seconds ? $seconds : 5);
    my @events;
    while (@events < $count) {
        my $event = $self->event_by($until) or last;
        push @events, $event;
    }
    return @events;
}

sub all_events
{
    my ($self, $count, $seconds) = @_;
    my @events = $self->events($count, 60);
    push @events, $self->events(1, $seconds) if @events == $count;
    return @events;
}

sub skip_to
{
    my ($self, $type, $seconds) = @_;
    my $until = deadline(defined $seconds ? $seconds : 5);
    while (my $event = $self->event_by($until)) {
        return $event if $event->{event} eq $type;
    }
    return;
}

1;
