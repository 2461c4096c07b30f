# SPDX-License-Identifier: Apache-2.0
package EventStream::OpenidProvider;

=head1 NAME

EventStream::OpenidProvider - a small OpenID provider

=head1 SYNOPSIS

    use EventStream::OpenidProvider;

    my $provider = EventStream::OpenidProvider->start(
        client => 'app', secret => 'app-secret',
        users => {ann => {team => 'kitchen', groups => ['staff']}});
    print $provider->url;    # the issuer, http://127.0.0.1:PORT
    $provider->signs_with('another key');
    $provider->stop;
    $provider->restart;

A process that listens on 127.0.0.1 and has what a relying party needs for the
authorization code flow: discovery, a login page at /authorize, /token with
id_tokens that openssl signs (RS256), /jwks and /logout. The login page is a
form with one button for each user, id=login-NAME. It keeps no session: each
login asks.

=head1 METHODS

=over

=item start(%options)

client and secret of the relying party, and its users with their claims.

=item url, port

=item signs_with($which)

'its key' (the one in /jwks), or 'another key'.

=item stop, restart

restart listens on the same port.

=back

=cut

use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET;
use IPC::Open2 ();
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64url);
use POSIX ();

use EventStream::Ports;
use EventStream::Process qw(in_child);

our @ISA = ('EventStream::Process');

my $json = JSON::PP->new->utf8->canonical;

sub start
{
    my ($class, %opt) = @_;
    my $self = bless {port => free_port(), %opt}, $class;
    $self->owned;
    $self->{root} = File::Temp::tempdir('es-op-XXXXXX', TMPDIR => 1,
        CLEANUP => 1);
    for my $name ('its', 'another') {
        system('openssl', 'genrsa', '-out', "$self->{root}/$name.pem", '2048')
            == 0 or die "openssl genrsa: $?";
    }
    $self->signs_with('its key');
    $self->restart;
    return $self;
}

sub port { return $_[0]{port} }
sub url { return "http://127.0.0.1:$_[0]{port}" }

sub signs_with
{
    my ($self, $which) = @_;
    my ($name) = $which =~ /^(its|another) key$/ or die $which;
    unlink "$self->{root}/key.pem";
    symlink "$name.pem", "$self->{root}/key.pem" or die $!;
    return;
}

sub restart
{
    my ($self) = @_;
    my $listener = IO::Socket::INET->new(
        Listen => 64, LocalAddr => '127.0.0.1', ReuseAddr => 1,
        LocalPort => $self->{port}) or die "listen: $!";
    $self->{pid} = in_child(sub {
        $SIG{CHLD} = 'IGNORE';
        $self->serve($listener);
    });
    return;
}

# ---- The server --------------------------------------------------------------

# A process for each connection, since browsers open some that they do not use.
sub serve
{
    my ($self, $listener) = @_;
    while (1) {
        my $client = $listener->accept or next;
        my $pid = fork;
        if (defined $pid && $pid == 0) {
            $SIG{CHLD} = 'DEFAULT';
            alarm 30;
            eval { $self->answer($client); 1 } or print STDERR "provider: $@";
            POSIX::_exit(0);
        }
    }
    return;
}

sub answer
{
    my ($self, $client) = @_;
    my $line = <$client> // return;
    my ($method, $path, $query) = $line =~ m{^(\w+) ([^ ?]*)\??(\S*) };
    my %header;
    while (my $field = <$client>) {
        last if $field !~ /^([^:]+):\s*(.*?)\r?\n/;
        $header{lc $1} = $2;
    }
    my $body = '';
    read $client, $body, $header{'content-length'}
        if $header{'content-length'};
    my %call = (
        'GET /.well-known/openid-configuration' => 'metadata',
        'GET /jwks' => 'jwks', 'GET /authorize' => 'login_page',
        'GET /login' => 'login', 'POST /token' => 'token',
        'GET /logout' => 'logout');
    my $name = $call{"$method $path"};
    my ($status, $type, $text) = $name
        ? $self->$name({fields($query), fields($body)}, \%header)
        : ('404 Not Found', 'text/plain', "not here\n");
    my $field = $status =~ /^302/ ? "Location: $type" : "Content-Type: $type";
    print {$client} "HTTP/1.1 $status\r\n$field\r\nConnection: close\r\n"
        . 'Content-Length: ' . length($text) . "\r\n\r\n$text";
    close $client;
    return;
}

sub fields
{
    my ($text) = @_;
    my %field;
    for my $pair (split /&/, $text) {
        my ($name, $value) = map { s/%(..)/chr hex $1/ger }
            map { tr/+/ /r } split /=/, $pair, 2;
        $field{$name} = $value;
    }
    return %field;
}

sub escaped { return $_[0] =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger }

sub metadata
{
    my ($self) = @_;
    my $url = $self->url;
    return ('200 OK', 'application/json', $json->encode({
        issuer => $url,
        authorization_endpoint => "$url/authorize",
        token_endpoint => "$url/token",
        jwks_uri => "$url/jwks",
        end_session_endpoint => "$url/logout",
        response_types_supported => ['code'],
        subject_types_supported => ['public'],
        id_token_signing_alg_values_supported => ['RS256'],
        token_endpoint_auth_methods_supported => ['client_secret_basic'],
    }));
}

sub jwks
{
    my ($self) = @_;
    my $text = `openssl rsa -in '$self->{root}/its.pem' -noout -modulus`;
    my ($modulus) = $text =~ /^Modulus=([0-9A-F]+)$/m or die $text;
    return ('200 OK', 'application/json', $json->encode({keys => [{
        kty => 'RSA', use => 'sig', alg => 'RS256', kid => 'its',
        n => encode_base64url(pack 'H*', $modulus), e => 'AQAB'}]}));
}

# What the relying party has asked travels in the links of the buttons.
sub login_page
{
    my ($self, $asked) = @_;
    my $links = join "\n", map {
        my %query = (user => $_, map { $_ => $asked->{$_} // '' }
            qw(redirect_uri state nonce client_id));
        my $query = join '&amp;', map { "$_=" . escaped($query{$_}) }
            sort keys %query;
        "<a id=\"login-$_\" href=\"/login?$query\">$_</a>"
    } sort keys %{$self->{users}};
    return ('200 OK', 'text/html', "<!DOCTYPE html>\n<title>Log in</title>\n"
        . "<h1>Log in as</h1>\n$links\n");
}

# The code has all that is known of this login.
sub login
{
    my ($self, $asked) = @_;
    my $code = encode_base64url($json->encode($asked));
    my $to = $asked->{redirect_uri};
    $to .= ($to =~ /\?/ ? '&' : '?') . "code=$code&state="
        . escaped($asked->{state});
    return ('302 Found', $to, '');
}

sub token
{
    my ($self, $asked, $header) = @_;
    my ($basic) = ($header->{authorization} // '') =~ /^Basic (\S+)$/;
    return ('401 Unauthorized', 'application/json',
        '{"error":"invalid_client"}')
        if decode_base64($basic // '') ne "$self->{client}:$self->{secret}";
    my $login = $json->decode(
        MIME::Base64::decode_base64url($asked->{code}));
    my $claims = $self->{users}{$login->{user}};
    my $now = time;
    return ('200 OK', 'application/json', $json->encode({
        access_token => 'a-' . $login->{user}, token_type => 'Bearer',
        expires_in => 3600,
        id_token => $self->signed({
            iss => $self->url, sub => "id-of-$login->{user}",
            aud => $login->{client_id}, iat => $now, exp => $now + 300,
            nonce => $login->{nonce},
            preferred_username => $login->{user}, %$claims})}));
}

sub signed
{
    my ($self, $claims) = @_;
    my $text = join '.', map { encode_base64url($json->encode($_)) }
        {alg => 'RS256', typ => 'JWT', kid => 'its'}, $claims;
    my $pid = IPC::Open2::open2(my $out, my $in, 'openssl', 'dgst', '-sha256',
        '-sign', "$self->{root}/key.pem");
    print {$in} $text;
    close $in;
    local $/;
    my $signature = <$out>;
    waitpid $pid, 0;
    return "$text." . encode_base64url($signature);
}

sub logout
{
    my ($self, $asked) = @_;
    return ('302 Found', $asked->{post_logout_redirect_uri} // '/', '');
}

1;
