# SPDX-License-Identifier: Apache-2.0
package EventStream::Visitor;

=head1 NAME

EventStream::Visitor - somebody with cookies, who follows redirects

=head1 SYNOPSIS

    use EventStream::Visitor;

    my $ann = EventStream::Visitor->new($httpd);
    my $page = $ann->get('/app/');      # as EventStream::Client's request,
    print $page->{url};                 # with the URL of the last redirect
    $ann->post('/app/login.php', user => 'ann', password => 'secret');
    my $sse = $ann->subscribe('/events/mine');

=head1 METHODS

=over

=item new($httpd)

=item get($url, @headers), post($url, %fields)

$url is a path of $httpd, or http://127.0.0.1:PORT/... and http://localhost:...
of any server. Redirects are followed, ten at most. Cookies are those of
localhost, whatever the port, as in browsers; their Path and the end of their
time count. Requests say that they are for a page (Accept: text/html).

=item request($method, $url, %options)

One request with the cookies, and no redirects. Options of EventStream::Client.

=item subscribe($path, %options)

A stream with the cookies, as EventStream::Client's subscribe.

=item cookies($path)

A hash reference of the cookies for this path.

=item set_cookie($name, $value, $path), forget($name)

=back

=cut

use strict;
use warnings;

use EventStream::Client ();

my $MOST_REDIRECTS = 10;
my $PATIENCE_S = 30;    # an application may be slow on a busy machine

sub new
{
    my ($class, $httpd) = @_;
    return bless {httpd => $httpd, jar => {}}, $class;
}

sub set_cookie
{
    my ($self, $name, $value, $path) = @_;
    $self->{jar}{$name} = {value => $value, path => $path};
    return;
}

sub forget
{
    my ($self, $name) = @_;
    delete $self->{jar}{$name};
    return;
}

sub is_below
{
    my ($path, $folder) = @_;
    $folder =~ s{/$}{};
    return $path eq $folder || index($path, "$folder/") == 0;
}

sub cookies
{
    my ($self, $path) = @_;
    $path =~ s/\?.*//s;
    my $jar = $self->{jar};
    return {map { $_ => $jar->{$_}{value} }
        grep { is_below($path, $jar->{$_}{path}) } keys %$jar};
}

sub cookie_header
{
    my ($self, $path) = @_;
    my $cookies = $self->cookies($path);
    return if !%$cookies;
    return 'Cookie: '
        . join '; ', map { "$_=$cookies->{$_}" } sort keys %$cookies;
}

sub keep
{
    my ($self, $head, $path) = @_;
    while ($head =~ /^Set-Cookie: ([^=]+)=([^;\r\n]*)([^\r\n]*)/mgi) {
        my ($name, $value, $rest) = ($1, $2, $3);
        my ($folder) = $rest =~ /;\s*Path=([^;]+)/i;
        my ($age) = $rest =~ /;\s*Max-Age=(-?\d+)/i;
        my $is_over = defined $age ? $age <= 0 : $rest =~ /Expires=[^;]* 1970/i;
        $self->set_cookie($name, $value, $folder // $path =~ s{[^/]*$}{}r);
        $self->forget($name) if $is_over;
    }
    return;
}

sub request
{
    my ($self, $method, $url, %opt) = @_;
    my ($host, $port, $path) =
        $url =~ m{^http://((?:127\.0\.0\.1|localhost):(\d+))([^#]*)};
    ($host, $port, $path) =
        ('localhost:' . $self->{httpd}->port, $self->{httpd}->port, $url)
        if !defined $host;
    my $is_ours = $host =~ /^localhost/;
    my @headers = ("Host: $host", @{$opt{headers} || []});
    push @headers, $self->cookie_header($path) if $is_ours;
    my $answer = EventStream::Client::request(
        $port, $method, $path, timeout => $PATIENCE_S, %opt,
        headers => \@headers);
    $self->keep($answer->{head}, $path) if $is_ours;
    $answer->{url} = "http://$host$path";
    return $answer;
}

sub follow
{
    my ($self, $answer, @headers) = @_;
    for (1 .. $MOST_REDIRECTS) {
        last if $answer->{status} !~ /^30[123]$/;
        my ($base, $folder) =
            $answer->{url} =~ m{^(http://[^/]+)([^?]*/)} or last;
        my $to = $answer->{headers}{location};
        $to = "$folder$to" if $to !~ m{^(?:/|http:)};
        $to = "$base$to" if $to =~ m{^/};
        $answer = $self->request('GET', $to, headers => \@headers);
    }
    return $answer;
}

sub get
{
    my ($self, $url, @headers) = @_;
    push @headers, 'Accept: text/html' if !grep { /^Accept:/ } @headers;
    return $self->follow(
        $self->request('GET', $url, headers => \@headers), @headers);
}

sub post
{
    my ($self, $url, %field) = @_;
    my $body = join '&', map { "$_=" . EventStream::Client::escape($field{$_}) }
        sort keys %field;
    return $self->follow($self->request('POST', $url, body => $body,
        headers => ['Content-Type: application/x-www-form-urlencoded',
            'Accept: text/html']));
}

sub subscribe
{
    my ($self, $path, %opt) = @_;
    my @headers = ($self->cookie_header($path), @{$opt{headers} || []});
    return EventStream::Client::subscribe(
        $self->{httpd}, $path, timeout => $PATIENCE_S, %opt,
        headers => \@headers);
}

1;
